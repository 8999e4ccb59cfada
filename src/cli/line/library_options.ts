/** From the flags of a command line to the options of the library. */
import type { Job } from "../report/job.ts";
import type { LibraryOptions } from "./option.ts";
import type { CommandLine } from "./parse.ts";
import { options } from "./options.ts";

/** All that the flags say to the library, by the field that each row of the table names; an end ignores what is not its own. */
export function libraryOptions({ flags, given }: CommandLine, job: Job): LibraryOptions {
  const taken: LibraryOptions = { signal: job.signal, onEvent: job.reporter.onEvent };
  if (job.command !== undefined) taken.command = job.command;
  for (const { name } of given) {
    const { field } = options[name];
    if (field !== undefined) Object.assign(taken, { [field]: flags[name] });
  }
  return taken;
}
