/** `rcopy receive --clean` */
import { exitStatusOfCode, RcopyError } from "../base/errors.ts";
import { formatBytes, formatCount, formatDuration } from "../base/units.ts";
import { clean, type Counted, type LeftFile } from "../transfer/cleaning.ts";
import { askOnTerminal } from "./confirm.ts";
import type { OptionName } from "./line/options.ts";
import type { CommandLine } from "./line/parse.ts";
import type { Job } from "./report/job.ts";

/** Options that mean something here. */
const obeyed: readonly OptionName[] = ["clean", "yes", "dry-run", "io", "json", "quiet", "log-level"];

/** Lists what interrupted copies left below DEST, removes it where that is answered with yes, and returns the exit status. */
export async function runClean({ given, flags, operands }: CommandLine, job: Job): Promise<number> {
  const other = given.find(({ name }) => !obeyed.includes(name));
  if (other) {
    throw new RcopyError("usage", `--clean copies nothing; leave out --${other.name}, or --clean`);
  }
  if (operands.length > 1) {
    throw new RcopyError(
      "usage",
      `--clean takes one DEST and got ${operands.length}; see rcopy receive --help`,
    );
  }
  const { console, reporter } = job;
  const ask = flags["dry-run"] ? undefined : flags.yes ? () => Promise.resolve(true) : askOnTerminal(job);
  const { found, removed, failures } = await clean(operands[0] ?? ".", {
    io: flags.io ?? "auto",
    onFound: (file) =>
      console.out(`${flags.json ? JSON.stringify({ type: "leftover", ...file }) : lineOf(file)}\n`),
    onFailure: (message) => reporter.log("error", message),
    mayRemove: async (all) => await ask?.(`remove ${shown(all)}?`) ?? false,
  });
  if (found.files === 0) reporter.log("info", "interrupted copies have left nothing here");
  else if (removed.files > 0) reporter.log("info", `removed ${shown(removed)}`);
  else {
    const how = ask ? "" : "; --yes removes them";
    reporter.log("info", `${shown(found)} stay, for the next copy of the same tree to go on with${how}`);
  }
  return failures === 0 ? 0 : exitStatusOfCode.io;
}

function lineOf({ kind, bytes, ageMs, path }: LeftFile): string {
  return `${kind}\t${formatBytes(bytes)}\t${formatDuration(ageMs)} old\t${path}`;
}

function shown({ files, bytes }: Counted): string {
  return `${formatCount(files)} ${files === 1 ? "file" : "files"} of ${formatBytes(bytes)}`;
}
