/**
 * Installs `rcopy` for the user from this checkout: the program in a few files, which starts faster than the modules that
 * the line of the README installs, a launcher that also finds the Deno that runs this task where none is in the PATH, and
 * completions for the user's shell.
 */
import { buildProgram } from "./build.ts";

const installed = await install();
Deno.exitCode = installed === undefined ? 1 : 0;
if (installed !== undefined) {
  say(`${installed} is rcopy`);
  await installCompletions(installed);
  const folder = installed.slice(0, installed.lastIndexOf("/"));
  if (!(Deno.env.get("PATH") ?? "").split(":").includes(folder)) {
    say(`${folder} is not in your PATH; add it, in ~/.profile for instance: export PATH="$PATH:${folder}"`);
  }
}

/** The path of the launcher. */
async function install(): Promise<string | undefined> {
  const main = await mainModule();
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["install", "--quiet", "-g", "-f", "--no-config", "--no-prompt", "-A", "-n", "rcopy", main],
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) return undefined;
  const root = Deno.env.get("DENO_INSTALL_ROOT") ?? `${homeFolder()}/.deno`;
  const path = `${root}/bin/rcopy`;
  if (Deno.build.os === "windows") return `${path}.cmd`;
  await nameDeno(path);
  return path;
}

/** What is installed: the built program, or the modules where it cannot be built, for want of a network for instance. */
async function mainModule(): Promise<string> {
  // Deno does not find codec.wasm where the path of the checkout has a symbolic link in it.
  const root = Deno.realPathSync(new URL("../../", import.meta.url));
  try {
    return await buildProgram(`${root}/dist/program`);
  } catch (error) {
    say(`${error instanceof Error ? error.message.trimEnd() : error}`);
    say("installing the modules of the checkout instead, which start more slowly");
    return `${root}/src/main.ts`;
  }
}

/** Deno's launcher needs a deno in the PATH, which npx has none for, nor a shell that ssh starts. */
async function nameDeno(launcher: string): Promise<void> {
  const text = await Deno.readTextFile(launcher);
  const own = `'${Deno.execPath().replaceAll("'", "'\\''")}'`;
  const named = text.replace(/^exec deno /m, `exec "$(command -v deno || echo ${own})" `);
  if (named === text) say(`${launcher} takes the deno that is in the PATH when it runs`);
  else await Deno.writeTextFile(launcher, named);
}

/** Writes the completions to where the user's shell looks for them. */
async function installCompletions(rcopy: string): Promise<void> {
  const shell = (Deno.env.get("SHELL") ?? "").split("/").at(-1);
  const data = Deno.env.get("XDG_DATA_HOME") ?? `${homeFolder()}/.local/share`;
  const config = Deno.env.get("XDG_CONFIG_HOME") ?? `${homeFolder()}/.config`;
  const place = shell === "bash"
    ? `${data}/bash-completion/completions/rcopy`
    : shell === "fish"
    ? `${config}/fish/completions/rcopy.fish`
    : undefined;
  if (place === undefined) {
    say(
      "for completions see rcopy completions bash|zsh|fish; of zsh they belong into a folder of its fpath, as _rcopy",
    );
    return;
  }
  const { stdout, success } = await new Deno.Command(rcopy, { args: ["completions", shell!] }).output();
  if (!success) return;
  await Deno.mkdir(place.slice(0, place.lastIndexOf("/")), { recursive: true });
  await Deno.writeFile(place, stdout);
  say(`${place} has its completions for ${shell}`);
}

function homeFolder(): string {
  return Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? ".";
}

function say(text: string): void {
  console.log(`install: ${text}`);
}
