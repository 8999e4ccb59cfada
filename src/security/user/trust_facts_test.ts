/** Facts out of the files of a home, and out of values of `--allow`. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { withFolder } from "../../../tests/helpers/test_folder.ts";
import { RcopyError } from "../../base/errors.ts";
import { parseSshPublicKeyLine, showSshKey } from "../ssh/key.ts";
import {
  countAuthorizedKeys,
  readAllowed,
  senderKeyFacts,
  sharedFacts,
  type TrustSettings,
} from "./trust_facts.ts";

const one = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"; // of RFC 8032
const two = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM";
const key = parseSshPublicKeyLine(one).key;
const dialed = { host: "host.example", port: 9012 };

/** A home in `folder` with these files below it, and trust that knows nothing else. */
async function settingsOf(folder: string, files: Record<string, string>): Promise<TrustSettings> {
  for (const [name, text] of Object.entries(files)) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: 0o700 });
    await Deno.writeTextFile(path, text, { mode: 0o600 });
  }
  const places = {
    home: folder,
    configHome: undefined,
    agentSocket: undefined,
    uid: Deno.uid() ?? undefined,
    hostKeyFolder: undefined,
    missing: [],
  };
  return { places, allowed: [], own: [], command: "rcopy receive" };
}

Deno.test("sharedFacts() finds the line of authorized_keys, for the address of this peer", () =>
  withFolder(async (home) => {
    const settings = await settingsOf(home, {
      ".ssh/authorized_keys": `# a comment\n${two}\nfrom="192.0.2.0/24" ${one}\n`,
    });
    const { authorized, fingerprint } = await sharedFacts(settings, key, "192.0.2.7");
    assertEquals(authorized, { isAuthorized: true, line: 3, file: `${home}/.ssh/authorized_keys` });
    assertMatch(fingerprint, /^SHA256:/);
    const { authorized: elsewhere } = await sharedFacts(settings, key, "198.51.100.1");
    assertEquals(elsewhere.isAuthorized, false);
  }));

Deno.test("sharedFacts() gives the reason where others may write authorized_keys, and none without a home", () =>
  withFolder(async (home) => {
    const settings = await settingsOf(home, { ".ssh/authorized_keys": `${one}\n` });
    await Deno.chmod(`${home}/.ssh/authorized_keys`, 0o666);
    const { authorized } = await sharedFacts(settings, key, undefined);
    assertEquals(authorized.isAuthorized, false);
    assertMatch(authorized.isAuthorized ? "" : authorized.reasons.join(), /authorized_keys/);
    assertEquals((await countAuthorizedKeys(settings.places)).count, 0);
    assertMatch((await countAuthorizedKeys(settings.places)).problem ?? "", /authorized_keys/);
    const homeless = { ...settings, places: { ...settings.places, home: undefined } };
    assertEquals((await sharedFacts(homeless, key, undefined)).authorized, {
      isAuthorized: false,
      reasons: [],
      file: "authorized_keys",
    });
  }));

Deno.test("senderKeyFacts() has the pins of HOST:PORT, and host keys of HOST with and without the port", () =>
  withFolder(async (home) => {
    const settings = await settingsOf(home, {
      ".config/rcopy/known_peers": `other.example:9012 ${two}\nhost.example:9012 ${one}\n`,
      ".ssh/known_hosts": `host.example ${two}\n[host.example]:9012 ${one}\n[host.example]:1 ${one}\n`,
      ".ssh/known_hosts2": `@revoked * ${one}\n`,
    });
    const facts = await senderKeyFacts(settings, key, { address: undefined, dialed, canAsk: true });
    assertEquals(facts.peer, "host.example:9012");
    assertEquals(facts.pins.map(({ line }) => line), [2]);
    assertEquals([facts.pinsFile, facts.pinsProblem], [`${home}/.config/rcopy/known_peers`, undefined]);
    const shown = facts.hostKeys.filter(({ file }) => file.startsWith(home)).map((
      host,
    ) => [host.file.slice(home.length), host.line, showSshKey(host.key), host.isRevoked]);
    assertEquals(shown, [
      ["/.ssh/known_hosts", 1, two, false],
      ["/.ssh/known_hosts", 2, one, false],
      ["/.ssh/known_hosts2", 1, one, true],
    ]);
    assertEquals(facts.canAsk, true);
  }));

Deno.test("senderKeyFacts() has neither pins nor host keys for a sender that dialed", () =>
  withFolder(async (home) => {
    const settings = await settingsOf(home, {
      ".config/rcopy/known_peers": `host.example:9012 ${one}\n`,
      ".ssh/known_hosts": `* ${one}\n`,
    });
    const peer = { address: "192.0.2.7", dialed: undefined, canAsk: false };
    const facts = await senderKeyFacts(settings, key, peer);
    assertEquals([facts.peer, facts.pins, facts.hostKeys], [undefined, [], []]);
  }));

Deno.test("senderKeyFacts() gives a problem, and no pin, where others may write known_peers", () =>
  withFolder(async (home) => {
    const settings = await settingsOf(home, { ".config/rcopy/known_peers": `host.example:9012 ${one}\n` });
    await Deno.chmod(`${home}/.config/rcopy/known_peers`, 0o666);
    const facts = await senderKeyFacts(settings, key, { address: undefined, dialed, canAsk: true });
    assertEquals(facts.pins, []);
    assertMatch(facts.pinsProblem ?? "", /known_peers/);
  }));

Deno.test("readAllowed() takes keys, and files with a key on each line", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/keys`, `# people\n\n  ${two} someone\r\n${one}\n`);
    const keys = await readAllowed([`${one} a comment`, `${folder}/keys`]);
    assertEquals(keys.map(showSshKey), [one, two, one]);
    assertEquals(await readAllowed([]), []);
  }));

Deno.test("readAllowed() says what is wrong with a value", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/empty`, "# nobody\n\n");
    await Deno.writeTextFile(`${folder}/bad`, `${one}\nnot a key\n`);
    const wrong: [value: string, message: RegExp][] = [
      ["ssh-ed25519 AAAA", /^--allow ssh-ed25519 AAAA: cannot read/],
      [`${folder}/empty`, /the file holds no key/],
      [`${folder}/bad`, /bad: cannot use an SSH key: keys of type not /],
      [`${folder}/none`, /neither a public key .* nor a file/],
      ["\u001b[2J", /^--allow \\x1b\[2J/],
    ];
    for (const [value, message] of wrong) {
      const error = await assertRejects(() => readAllowed([value]), RcopyError);
      assertEquals(error.code, "usage");
      assertMatch(error.message, message);
    }
  }));
