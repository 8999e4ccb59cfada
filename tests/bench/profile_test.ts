/** Profiles of a tiny copy: that each profiler sees both ends, never how long it takes. */
import { assert } from "@std/assert";
import { testWhere, withFolder } from "../helpers/test_folder.ts";
import { profileCopy, type Profiler } from "./profile.ts";

const tiny = {
  work: "big",
  io: "deno",
  channel: "plain",
  place: "disk",
  scale: 0.001,
  log: () => {},
} as const;
/** What the summary of each end has at least. */
const expected: Record<Profiler, { programs: string[]; words: Record<"sender" | "receiver", RegExp> }> = {
  "cpu-prof": { programs: [], words: { sender: /ms in all/, receiver: /ms in all/ } },
  strace: { programs: ["strace"], words: { sender: /\d openat$/m, receiver: /\d openat$/m } },
  // Where the machine lets nobody count, perf writes nothing.
  perf: { programs: ["perf"], words: { sender: /%\s+deno$/m, receiver: /%\s+deno$/m } },
};

for (const [by, { programs, words }] of Object.entries(expected)) {
  testWhere(
    { programs: ["diff", ...programs] },
    `bench:profile by ${by} sums up both ends of a copy`,
    async () => {
      await withFolder(async (folder) => {
        const summaries = await profileCopy({ ...tiny, by: by as Profiler, out: `${folder}/profiles` });
        for (const [end, word] of Object.entries(words)) {
          const summary = summaries[end as "sender" | "receiver"];
          assert(word.test(summary), `${end}: ${summary}`);
        }
      });
    },
  );
}
