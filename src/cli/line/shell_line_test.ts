import { assertEquals } from "@std/assert";
import { homeShellLine, shellLine } from "./shell_line.ts";

/** All that a name can hold, and what shells make something of. */
const words = [
  "",
  "plain",
  "two words",
  "it's",
  `"quoted"`,
  "new\nline",
  "-dash",
  "$HOME `id` $(id) ~ * ? [a] {a,b} # ! ; & | < > \\ \\\\ \\' '\\''",
  "\\",
  "'",
  "tab\tend\\",
  "ä€😀",
  "a=b",
];
for (const shell of ["sh", "bash", "zsh", "fish"]) {
  const isHere = new Deno.Command("sh", { args: ["-c", `command -v ${shell}`], stdout: "null" }).outputSync();
  Deno.test({
    name: `${shell} reads the words that were quoted${
      isHere.success ? "" : ` (skipped: ${shell} is not installed)`
    }`,
    ignore: !isHere.success,
    fn: async () => {
      const line = shellLine(["printf", "%s\\0", ...words]);
      const { stdout } = await new Deno.Command(shell, { args: ["-c", line] }).output();
      assertEquals(new TextDecoder().decode(stdout).split("\0").slice(0, -1), words);
    },
  });
  Deno.test({
    name: `${shell} finds the home for ~/ at the beginning of a word${
      isHere.success ? "" : ` (skipped: ${shell} is not installed)`
    }`,
    ignore: !isHere.success,
    fn: async () => {
      const typed = ["~/bin/rcopy", "~/", "~/two words/it's $HOME", "a~/b", "~", "--x=~/y", "~root/x"];
      const line = homeShellLine(["printf", "%s\\0", ...typed]);
      const { stdout } = await new Deno.Command(shell, { args: ["-c", line], env: { HOME: "/a home" } })
        .output();
      const expected = ["/a home/bin/rcopy", "/a home/", "/a home/two words/it's $HOME", ...typed.slice(3)];
      assertEquals(new TextDecoder().decode(stdout).split("\0").slice(0, -1), expected);
    },
  });
}
