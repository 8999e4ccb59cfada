import { assert, assertEquals, assertRejects } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { withFolder } from "../../../tests/helpers/test_folder.ts";
import { addPin, knownPeersPath, peerName, pinsOf, readKnownPeers } from "./known_peers.ts";
import { isSameKey, parseSshPublicKeyLine } from "../ssh/key.ts";

const one = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"; // of RFC 8032
const other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM";
const key = parseSshPublicKeyLine(one).key;
const otherKey = parseSshPublicKeyLine(other).key;
const uid = Deno.uid() ?? undefined;

Deno.test("peerName() is one name for one peer", () => {
  assertEquals(peerName({ host: "Host.Example", port: 9012 }), "host.example:9012");
  assertEquals(peerName({ host: "FE80::1", port: 1 }), "[fe80::1]:1");
});

Deno.test("the file is under XDG_CONFIG_HOME, else under the home", () => {
  assertEquals(knownPeersPath({ home: "/h", configHome: "/c" }), "/c/rcopy/known_peers");
  assertEquals(knownPeersPath({ home: "/h", configHome: "relative" }), "/h/.config/rcopy/known_peers");
  assertEquals(knownPeersPath({}), undefined);
});

Deno.test("pinsOf() gives the lines of a peer; a damaged one stands for no key", () => {
  const text = `# a:1 ${one}\na:1 ${one}\nb:1 ${other}\nA:1\t${other}\n a:1 ssh-ed25519 AAAA\na:10 ${one}\n`;
  const pins = pinsOf(text, "a:1");
  assertEquals(pins.map(({ line }) => line), [2, 4, 5]);
  assert(isSameKey(pins[0]!.key!, key));
  assertEquals(pins[2]!.key, undefined);
});

Deno.test("addPin() makes the file 0600 and adds a line once; another key for the peer is refused", () =>
  withFolder(async (folder) => {
    const path = knownPeersPath({ home: folder })!;
    await addPin(path, { peer: "a:1", key, uid });
    await addPin(path, { peer: "a:1", key, uid });
    await addPin(path, { peer: "b:1", key: otherKey, uid });
    assertEquals(await Deno.readTextFile(path), `a:1 ${one}\nb:1 ${other}\n`);
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
    assertEquals((await Deno.stat(`${folder}/.config/rcopy`)).mode! & 0o777, 0o700);
    await assertRejects(() => addPin(path, { peer: "a:1", key: otherKey, uid }), RcopyError, "another key");
    await Deno.writeTextFile(path, `c:1 ${one}`);
    await addPin(path, { peer: "d:1", key, uid });
    assertEquals(await Deno.readTextFile(path), `c:1 ${one}\nd:1 ${one}\n`);
  }));

Deno.test("a known_peers that others may write to is not believed, nor added to", () =>
  withFolder(async (folder) => {
    const path = knownPeersPath({ configHome: folder })!;
    await addPin(path, { peer: "a:1", key, uid });
    await Deno.chmod(path, 0o666);
    assertEquals((await readKnownPeers(path, uid)).state, "refused");
    await assertRejects(() => addPin(path, { peer: "b:1", key, uid }), RcopyError, "others may write");
    await Deno.chmod(path, 0o600);
    await Deno.chmod(`${folder}/rcopy`, 0o777);
    assertEquals((await readKnownPeers(path, uid)).state, "refused");
  }));
