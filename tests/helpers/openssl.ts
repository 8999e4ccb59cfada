/** Certificates made by openssl, for tests that must not depend on ours. */
import { shell } from "./test_folder.ts";

/** A leaf under an anchor. */
export interface Chain {
  chainPem: string;
  keyPem: string;
  anchorPem: string;
  serverName: string;
}

const script = `cd "$1" && {
openssl genpkey -algorithm ed25519 -out anchor.key
openssl req -x509 -key anchor.key -subj /CN=anchor -days 3650 -out anchor.pem \
  -addext basicConstraints=critical,CA:TRUE
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out leaf.key
openssl req -new -key leaf.key -subj /CN=leaf -out leaf.csr
printf 'subjectAltName=DNS:%s\\nbasicConstraints=CA:FALSE\\n' "$2" > extensions
: > index.txt; printf '[ca]\\ndefault_ca=c\\n[c]\\ndatabase=index.txt\\nnew_certs_dir=.\\nrand_serial=yes
default_md=default\\npolicy=p\\n[p]\\ncommonName=supplied\\n' > ca.conf
openssl ca -batch -config ca.conf -cert anchor.pem -keyfile anchor.key -in leaf.csr -extfile extensions \
  -startdate "$3" -enddate "$4" -notext -out leaf.pem
} >/dev/null 2>log || { cat log >&2; exit 1; }`;

/** Makes a chain; dates as in "20200101000000Z". */
export async function makeChain(
  options: { notBefore?: string; notAfter?: string },
): Promise<Chain> {
  const { notBefore = "20200101000000Z", notAfter = "20991231235959Z" } = options;
  const folder = await Deno.makeTempDir({ prefix: "rcopy-chain-" });
  const serverName = `${crypto.randomUUID()}.rcopy.invalid`;
  try {
    await shell(script, folder, serverName, notBefore, notAfter);
    const read = (name: string) => Deno.readTextFileSync(`${folder}/${name}`);
    const anchorPem = read("anchor.pem");
    return { chainPem: read("leaf.pem") + anchorPem, keyPem: read("leaf.key"), anchorPem, serverName };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
