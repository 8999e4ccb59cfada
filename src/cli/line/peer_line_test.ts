import { assertEquals } from "@std/assert";
import { lineForReceiver, lineForSender } from "./peer_line.ts";

const base = { type: "listening" as const, port: 3120, addresses: ["192.0.2.7"] };
const ticket = "rcopy1aeahq3mcsz2k";
const folder = { form: "contents" as const };

Deno.test("the line for a receiver names the folder or file, also on a plain channel and with SSH keys", () => {
  const plain = { ...base, ...folder, name: "photos" };
  assertEquals(lineForReceiver({ ...plain, ticket }), `rcopy receive ${ticket} photos`);
  assertEquals(lineForReceiver({ ...plain, form: "file", ticket }), `rcopy receive ${ticket} photos`);
  assertEquals(lineForReceiver(plain), "rcopy receive --insecure -a 192.0.2.7:3120 photos");
  assertEquals(lineForReceiver({ ...plain, keysOnly: true }), "rcopy receive -a 192.0.2.7:3120 photos");
  assertEquals(lineForReceiver({ ...base, form: "several", ticket }), `rcopy receive ${ticket} .`);
});

Deno.test("an IPv6 address is quoted, in which zsh would look for files", () => {
  const v6 = { ...base, addresses: ["2001:db8::1"], ...folder, name: "a" };
  assertEquals(lineForReceiver(v6), "rcopy receive --insecure -a '[2001:db8::1]:3120' a");
  assertEquals(lineForSender(v6), "rcopy send --insecure -a '[2001:db8::1]:3120' PATH...");
});

Deno.test("a name that would be no folder of that machine stands behind ./, and one that cannot be typed is replaced", () => {
  const names: Record<string, string> = {
    "-x": "./-x",
    ".config": "./.config",
    "a:b": "./a:b",
    "~root": "'./~root'",
    "rcopy1abcdefgh": "./rcopy1abcdefgh",
    "two words": "'two words'",
    "it's": "'it'\\''s'",
  };
  for (const [name, written] of Object.entries(names)) {
    assertEquals(lineForReceiver({ ...base, ...folder, name, ticket }), `rcopy receive ${ticket} ${written}`);
  }
  assertEquals(lineForReceiver({ ...base, ...folder, ticket }), `rcopy receive ${ticket} copy`);
});

/** All that a name can hold, and what shells make something of. */
const names = [
  "plain",
  "two words",
  "it's",
  `"quoted"`,
  "$HOME `id` $(id)",
  "a!b !! !x",
  "~",
  "#a",
  "=ls",
  "a=b",
  "*?[a]{a,b}",
  "^a;b&c|d<e>f(g)",
  "-x",
  "--help",
  "back\\slash\\",
  "ä€😀",
  "%1",
];
for (const shell of ["sh", "bash", "zsh", "fish"]) {
  const { success } = new Deno.Command("sh", { args: ["-c", `command -v ${shell}`], stdout: "null" })
    .outputSync();
  Deno.test({
    name: `${shell} reads the printed line as it is meant${
      success ? "" : ` (skipped: ${shell} is not installed)`
    }`,
    ignore: !success,
    fn: async () => {
      for (const name of names) {
        const line = lineForReceiver({ ...base, addresses: ["fe80::1%eth0"], ...folder, name });
        const script = `${line.replace("rcopy", "printf '%s\\0'")}`;
        // A shell that a person types into also looks for earlier commands; bash does where it is told to.
        const args = shell === "bash" ? ["-c", `set -o history -o histexpand\n${script}`] : ["-c", script];
        const { stdout, stderr } = await new Deno.Command(shell, { args }).output();
        const words = new TextDecoder().decode(stdout).split("\0").slice(0, -1);
        const dest = /^[-~]/.test(name) ? `./${name}` : name;
        const expected = ["receive", "--insecure", "-a", "[fe80::1%eth0]:3120", dest];
        assertEquals(words, expected, new TextDecoder().decode(stderr));
      }
    },
  });
}
