import { assertEquals, assertStringIncludes } from "@std/assert";
import { commands } from "./options.ts";

const main = new URL("../main.ts", import.meta.url).pathname;

function script(shell: string): string {
  const { stdout, success } = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "completions", shell],
  })
    .outputSync();
  if (!success) throw new Error(`completions ${shell} failed`);
  return new TextDecoder().decode(stdout);
}

/** What bash would offer for a command line whose last word is being typed. */
function offered(words: string[]): string[] {
  const code = `${script("bash")}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})\n` +
    `COMP_CWORD=${words.length - 1}\n_rcopy\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = new Deno.Command("bash", { args: ["-c", code] }).outputSync();
  return new TextDecoder().decode(stdout).split("\n").filter(Boolean);
}

Deno.test("bash completes commands, options and the values of options", () => {
  assertEquals(offered(["rcopy", "se"]), ["send"]);
  assertEquals(offered(["rcopy", "receive", "--ex"]), ["--exists"]);
  assertEquals(offered(["rcopy", "receive", "--exists", "r"]), ["replace"]);
  assertEquals(offered(["rcopy", "completions", ""]), ["bash", "zsh", "fish"]);
});

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`the completions for ${shell} know every command and option`, () => {
    const text = script(shell);
    for (const [name, { options }] of Object.entries(commands)) {
      assertStringIncludes(text, name);
      for (const option of options) {
        assertStringIncludes(text, shell === "fish" ? `-l ${option.name}` : `--${option.name}`);
      }
    }
  });
}
