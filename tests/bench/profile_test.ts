/** Profiles of a tiny copy: that each profiler sees both ends, never how long it takes. */
import { assertMatch } from "@std/assert";
import { withFolder } from "../helpers/test_folder.ts";
import { profileCopy, type Profiler, whyNoProfiler } from "./profile.ts";

const tiny = {
  work: "big",
  io: "deno",
  channel: "plain",
  place: "disk",
  namesCode: false,
  scale: 0.001,
  log: () => {},
} as const;
/** What the summary of each end has at least. */
const expected: Record<Profiler, RegExp> = {
  perf: /%\s+deno$/m,
  "cpu-prof": /ms in all/,
  strace: /\d openat$/m,
};

for (const [by, word] of Object.entries(expected) as [Profiler, RegExp][]) {
  const name = `bench:profile by ${by} sums up both ends of a copy`;
  const why = whyNoProfiler(by);
  Deno.test({
    name: why === undefined ? name : `${name} (skipped: ${why})`,
    ignore: why !== undefined,
    fn: async () => {
      await withFolder(async (folder) => {
        const { sender, receiver } = await profileCopy({ ...tiny, by, out: `${folder}/profiles` });
        assertMatch(sender, word);
        assertMatch(receiver, word);
      });
    },
  });
}
