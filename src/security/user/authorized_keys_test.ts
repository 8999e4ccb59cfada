import { assert, assertEquals } from "@std/assert";
import { RealSshd } from "../../../tests/helpers/real_sshd.ts";
import { makeSshKey } from "../../../tests/helpers/ssh_keys.ts";
import { testWhere, withFolder } from "../../../tests/helpers/test_folder.ts";
import { authorize, countAuthorized, parseAuthorizedKeys } from "./authorized_keys.ts";
import { parseSshPublicKeyLine } from "../ssh/key.ts";

const one = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"; // of RFC 8032
const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM";
const key = parseSshPublicKeyLine(one).key;
const nowMs = Date.UTC(2026, 5, 15, 12);
const context = { address: "192.0.2.7", nowMs };

/** Options before the key, and what must come of them: `true`, or a part of the reason. */
const rules: [string, true | RegExp][] = [
  ["", true],
  ["restrict", true],
  ["no-pty,no-port-forwarding,No-Agent-Forwarding,no-x11-forwarding,no-user-rc", true],
  ["restrict,pty", true],
  ['environment="A=b c",permitopen="h:1"', true],
  ['command="/bin/date"', /command=/],
  ['command="rcopy send /x"', /command=/],
  ['restrict,command="a \\"b\\", c"', /command=/],
  ["cert-authority", /cert-authority/],
  ['cert-authority,principals="me"', /cert-authority/],
  ['principals="me"', /principals/],
  ["verify-required", /verify-required/],
  ["no-cert-authority", /no-cert-authority/],
  ["unheard-of", /unheard-of/],
  ['from="192.0.2.7"', true],
  ['from="192.0.2.0/24"', true],
  ['from="192.0.2.*,!192.0.2.8"', true],
  ['from="10.0.0.0/8,192.0.2.?"', true],
  ['FROM="*"', true],
  ['from="192.0.2.8"', /from= does not let/],
  ['from="*,!192.0.2.7"', /from= does not let/],
  ['from="!192.0.2.0/24,*"', /from= does not let/],
  ['from="!10.0.0.0/8"', /from= does not let/],
  ['from="a.example"', /from= does not let/],
  ['from="192.0.2.1/24"', /malformed/],
  ['from="192.0.2.0/33"', /malformed/],
  ['from=""', /malformed/],
  ['from="*",from="*"', /twice/],
  ["from=*", /malformed/],
  ["from", /option from/],
  ['expiry-time="20260616"', true],
  ['expiry-time="202606151200Z"', true],
  ['expiry-time="20260615115959Z"', /expired/],
  ['expiry-time="20260101"', /expired/],
  ['expiry-time="20270101",expiry-time="20260101"', /expired/],
  ['expiry-time="20261301"', /malformed/],
  ['expiry-time="20260231"', /malformed/],
  ['expiry-time="soon"', /malformed/],
  ["restrict,", /malformed/],
  [",restrict", /malformed/],
  ["restrict,,pty", /malformed/],
  ['restrict="yes"', /option restrict/],
];
for (const [options, wanted] of rules) {
  const verdict = wanted === true ? "lets the key in" : "refuses the line";
  Deno.test(`authorized_keys with ${options || "no option"}: ${verdict}`, () => {
    const keys = parseAuthorizedKeys(`# ${one}\n${other}\n${options} ${one} me@here\n`);
    const verdict = authorize(keys, key, context);
    if (wanted === true) return assertEquals(verdict, { isAuthorized: true, line: 3 });
    const reasons = verdict.isAuthorized ? ["it was let in"] : verdict.reasons;
    assertEquals(reasons.length, 1);
    assert(wanted.test(reasons[0]!) && reasons[0]!.startsWith("line 3: "), reasons[0]);
  });
}

Deno.test("authorized_keys: a later line lets in what an earlier one refuses; other keys are not let in", () => {
  const text = `command="x" ${one}\r\nfrom="10.0.0.1" ${one}\r\n\r\n  ${one}\r\n`;
  assertEquals(authorize(parseAuthorizedKeys(text), key, context), { isAuthorized: true, line: 4 });
  const stranger = parseSshPublicKeyLine(other).key;
  assertEquals(authorize(parseAuthorizedKeys(text), stranger, context), { isAuthorized: false, reasons: [] });
});

Deno.test("authorized_keys: from= lets no peer in whose address is not known", () => {
  const keys = parseAuthorizedKeys(`from="*" ${one}\n`);
  assertEquals(authorize(keys, key, { address: undefined, nowMs }).isAuthorized, false);
});

Deno.test("authorized_keys: IPv6, also as it carries IPv4", () => {
  const keys = parseAuthorizedKeys(`from="2001:db8::/32,192.0.2.0/24" ${one}\n`);
  for (
    const [address, isIn] of [["2001:db8:0:0::1", true], ["2001:db9::1", false], ["::ffff:192.0.2.9", true]]
  ) {
    assertEquals(authorize(keys, key, { address: address as string, nowMs }).isAuthorized, isIn);
  }
});

Deno.test("authorized_keys: what is no line with a usable key is left out", () => {
  const dss = "ssh-dss AAAAB3NzaC1kc3M=";
  const text = `${dss}\nfrom="* ${one}\nssh-ed25519 AAAA\nhello\n\0\n${one.replace("AAAAC3", "AAAA ")}\n`;
  assertEquals(parseAuthorizedKeys(text), []);
});

Deno.test("countAuthorized() counts keys that somebody could use now", () => {
  const text = `${one}\n${one}\ncommand="x" ${other}\n`;
  assertEquals(countAuthorized(parseAuthorizedKeys(text), nowMs), 1);
  assertEquals(countAuthorized(parseAuthorizedKeys(`expiry-time="20200101" ${one}\n${other}`), nowMs), 1);
});

/** Lines that rcopy refuses though sshd lets the key in, to do what it cannot hold a copy to. */
const stricter = /command=|^,|,,|,$|from="192\.0\.2\.1\/24"|no-cert-authority|verify-required/;

testWhere(
  { root: true, programs: ["sshd", "ssh", "ssh-keygen"] },
  "authorized_keys: what we let in, a real sshd lets in",
  () =>
    withFolder(async (folder) => {
      await Deno.chmod(folder, 0o700);
      await makeSshKey(`${folder}/host`);
      await makeSshKey(`${folder}/me`);
      const me = (await Deno.readTextFile(`${folder}/me.pub`)).trim();
      const mine = parseSshPublicKeyLine(me).key;
      await using sshd = await RealSshd.start(folder);
      let letIn = 0;
      for (const [options] of rules) {
        // The same rules, for the address and the time of this connection.
        const here = options.replaceAll("192.0.2.", "127.0.0.").replaceAll("127.0.0.7", "127.0.0.1")
          .replace(/20260616|202606151200Z/, "20900101");
        const text = `${other}\n${here} ${me}\n`;
        await Deno.writeTextFile(`${folder}/authorized_keys`, text);
        const theirs = await sshd.letsIn(`${folder}/me`);
        const now = { address: "127.0.0.1", nowMs: Date.now() };
        const ours = authorize(parseAuthorizedKeys(text), mine, now).isAuthorized;
        if (ours) letIn++;
        if (ours && !theirs || !ours && theirs && !stricter.test(options)) {
          throw new Error(
            `${here}: sshd ${theirs ? "lets" : "does not let"} the key in, and we do otherwise`,
          );
        }
      }
      assert(letIn > 10, `only ${letIn} lines let the key in`);
    }),
);
