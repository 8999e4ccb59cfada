import { assertEquals, assertStringIncludes } from "@std/assert";
import { commandNames, optionsOf } from "./line/options.ts";

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
  assertEquals(offered(["rcopy", "send", "--d"]), ["--dotfiles", "--delta", "--durable", "--dry-run"]);
  assertEquals(offered(["rcopy", "completions", ""]), ["bash", "zsh", "fish"]);
});

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`the completions for ${shell} know every command and option`, () => {
    const text = script(shell);
    for (const name of commandNames) {
      assertStringIncludes(text, name);
      for (const option of optionsOf(name)) {
        assertStringIncludes(text, shell === "fish" ? `-l ${option.name}` : `--${option.name}`);
      }
    }
  });
}

/** How each shell reads a script without running it. */
const parseOnly: Readonly<Record<string, string>> = { bash: "-n", zsh: "-n", fish: "--no-execute" };

for (const [shell, flag] of Object.entries(parseOnly)) {
  const isHere = hasShell(shell);
  Deno.test({
    name: `${shell} can read its completions` + (isHere ? "" : ` (skipped: ${shell} is not installed)`),
    ignore: !isHere,
    fn() {
      const path = Deno.makeTempFileSync();
      try {
        Deno.writeTextFileSync(path, script(shell));
        const { success, stderr } = new Deno.Command(shell, { args: [flag, path] }).outputSync();
        assertEquals({ success, stderr: new TextDecoder().decode(stderr) }, { success: true, stderr: "" });
      } finally {
        Deno.removeSync(path);
      }
    },
  });
}

const hasFish = hasShell("fish");
Deno.test({
  name: "fish completes commands, options and the values of options" +
    (hasFish ? "" : " (skipped: fish is not installed)"),
  ignore: !hasFish,
  fn() {
    const offers = (line: string) => {
      const code = `${script("fish")}\ncomplete -C '${line}'`;
      const { stdout } = new Deno.Command("fish", { args: ["--no-config", "-c", code] }).outputSync();
      return new TextDecoder().decode(stdout).trim().split("\n").map((offer) => offer.split("\t")[0]);
    };
    assertEquals(offers("rcopy se"), ["send"]);
    assertEquals(offers("rcopy receive --ex"), ["--exists"]);
    assertEquals(offers("rcopy receive --exists r"), ["replace"]);
    assertEquals(offers("rcopy help d"), ["doctor"]);
  },
});

function hasShell(shell: string): boolean {
  try {
    return new Deno.Command(shell, { args: ["-c", "exit 0"] }).outputSync().success;
  } catch {
    return false;
  }
}
