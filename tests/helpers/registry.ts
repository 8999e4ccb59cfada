/**
 * JSR and npm on the loopback: this checkout as `jsr:@rcopy/cli`, and the packages that it runs with as this machine has
 * them. An installation of nothing but these needs no network.
 */
import { shell } from "./test_folder.ts";

const root = new URL("../../", import.meta.url);
const { version } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", root))) as { version: string };

/** A package of npm, packed from Deno's cache. */
interface Packed {
  manifest: Record<string, unknown>;
  tarball: Uint8Array<ArrayBuffer>;
}

/** Serves until it is disposed of. */
export class Registry implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #packages: Map<string, Packed>;
  readonly #files: Map<string, Uint8Array<ArrayBuffer>>;

  private constructor(packages: Map<string, Packed>, files: Map<string, Uint8Array<ArrayBuffer>>) {
    this.#packages = packages;
    this.#files = files;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(decodeURIComponent(new URL(request.url).pathname)),
    );
  }

  static async start(): Promise<Registry> {
    const packages = new Map<string, Packed>();
    for (const { name, version } of runtimePackages()) packages.set(name, await pack(name, version));
    return new Registry(packages, new Map(published()));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Makes Deno ask here, and nowhere else. */
  get environment(): Record<string, string> {
    return { NPM_CONFIG_REGISTRY: this.url, JSR_URL: this.url };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(path: string): Promise<Response> {
    const ours = "/@rcopy/cli/";
    if (path.startsWith(ours)) return await this.#answerJsr(path.slice(ours.length));
    const [, name, ending] = /^\/(.+?)(\.tgz)?$/.exec(path) ?? [];
    const packed = this.#packages.get(name ?? "");
    if (!packed) return new Response(null, { status: 404 });
    if (ending) return new Response(packed.tarball);
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", packed.tarball));
    const dist = { tarball: `${this.url}${name}.tgz`, integrity: `sha512-${digest.toBase64()}` };
    const only = String(packed.manifest.version);
    return Response.json({
      name,
      "dist-tags": { latest: only },
      versions: { [only]: { ...packed.manifest, dist } },
    });
  }

  async #answerJsr(path: string): Promise<Response> {
    if (path === "meta.json") {
      return Response.json({ scope: "rcopy", name: "cli", latest: version, versions: { [version]: {} } });
    }
    if (path === `${version}_meta.json`) {
      const manifest: Record<string, { size: number; checksum: string }> = {};
      for (const [name, bytes] of this.#files) {
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
        manifest[`/${name}`] = { size: bytes.length, checksum: `sha256-${digest.toHex()}` };
      }
      return Response.json({ manifest, exports: { ".": "./src/main.ts", "./api": "./src/mod.ts" } });
    }
    const bytes = this.#files.get(path.slice(version.length + 1));
    if (!bytes) return new Response(null, { status: 404 });
    const type = types[path.slice(path.lastIndexOf(".") + 1)] ?? "text/plain";
    return new Response(bytes, { headers: { "content-type": type } });
  }
}

const types: Record<string, string> = {
  ts: "application/typescript",
  js: "application/javascript",
  wasm: "application/wasm",
};

/** What a publication would hold of the program: path and bytes. */
function* published(folder = ""): Generator<[string, Uint8Array<ArrayBuffer>]> {
  const names = folder === "" ? ["src", "ffi", "wasm"] : [...Deno.readDirSync(new URL(folder, root))].map(
    ({ name }) => name,
  );
  for (const name of names) {
    const path = `${folder}${name}`;
    if (Deno.statSync(new URL(path, root)).isDirectory) yield* published(`${path}/`);
    else if (/\.(ts|js|wasm)$/.test(path) && !/_test\.ts$/.test(path)) {
      yield [path, Deno.readFileSync(new URL(path, root))];
    }
  }
}

/** The packages that `src/deno.lock` locks. */
function runtimePackages(): { name: string; version: string }[] {
  const { npm } = JSON.parse(Deno.readTextFileSync(new URL("src/deno.lock", root))) as {
    npm: Record<string, unknown>;
  };
  return Object.keys(npm).map((id) => {
    const at = id.lastIndexOf("@");
    return { name: id.slice(0, at), version: id.slice(at + 1) };
  });
}

async function pack(name: string, version: string): Promise<Packed> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { npmCache } = JSON.parse(new TextDecoder().decode(stdout)) as { npmCache: string };
  const places = [...Deno.readDirSync(npmCache)].map((registry) =>
    `${npmCache}/${registry.name}/${name}/${version}`
  );
  for (const place of places) {
    if (!await Deno.stat(place).then(() => true, () => false)) continue;
    const manifest = JSON.parse(await Deno.readTextFile(`${place}/package.json`));
    const archive = await Deno.makeTempFile();
    try {
      await shell(`tar -czf "$1" --transform 's,^[.],package,' -C "$2" .`, archive, place);
      return { manifest, tarball: await Deno.readFile(archive) };
    } finally {
      await Deno.remove(archive);
    }
  }
  throw new Error(`${name} ${version} is not in ${npmCache}`);
}
