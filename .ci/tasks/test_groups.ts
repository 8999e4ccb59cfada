/** Which tests run side by side, and which need the machine alone. */

/** What one process of `deno test` runs. */
export interface TestGroup {
  title: string;
  /** Test files; the whole project if there are none. */
  files: readonly string[];
  /** Test files that are left to other groups. */
  ignored: readonly string[];
}

/** How their paths begin: a file belongs to the first group that fits. The longest groups come first. */
const sideBySide: readonly (readonly string[])[] = [
  ["tests/e2e/kill", "tests/e2e/send_many"],
  ["tests/hostile/data", "tests/hostile/names"],
  ["tests/contract/", "src/io/"],
  ["tests/e2e/send_test", "tests/e2e/exists", "tests/e2e/exit_status", "tests/e2e/remote"],
  ["tests/hostile/"],
  ["tests/e2e/"],
  ["src/security/", "tests/fuzz/", "tests/bench/"],
];

/** They measure, race, press against limits or wait for a time that others could stretch. */
export const alone: readonly string[] = [
  "ffi/ring_stress_test.ts",
  "ffi/ring_wait_test.ts",
  "src/io/uring/race_test.ts",
  "tests/bench/metered_process_test.ts",
  "tests/bench/peers_smoke_test.ts",
  "tests/e2e/latency_test.ts",
  "tests/e2e/descriptors_test.ts",
  "tests/e2e/receive_test.ts",
  "tests/e2e/insecure_test.ts",
  "tests/fuzz/allocation_test.ts",
  "tests/helpers/delay_line_test.ts",
  "tests/helpers/delay_proxy_test.ts",
  "tests/hostile/flood_test.ts",
  "tests/hostile/memory_test.ts",
  "tests/hostile/race_test.ts",
];

/**
 * Every test once: the groups that run side by side, and the one that follows by itself. `files` are all test files of
 * the project. The last group beside others takes what no other one names, and the examples of the documentation.
 */
export function testGroups(files: readonly string[]): { sideBySide: TestGroup[]; alone: TestGroup } {
  const groups: TestGroup[] = [];
  const taken = new Set(alone);
  for (const beginnings of sideBySide) {
    const own = files.filter((file) =>
      !taken.has(file) && beginnings.some((start) => file.startsWith(start))
    );
    for (const file of own) taken.add(file);
    groups.push({ title: beginnings.map((start) => `${start}*`).join(" "), files: own, ignored: [] });
  }
  groups.push({ title: "all others, and examples", files: [], ignored: [...taken] });
  return { sideBySide: groups, alone: { title: "those that run alone", files: alone, ignored: [] } };
}

/** The test files of the project whose root is `root`, as paths from there. */
export function testFilesIn(root: URL, folder = ""): string[] {
  return [...Deno.readDirSync(new URL(folder || ".", root))].flatMap(({ name, isDirectory }) => {
    if (isDirectory) {
      return name.startsWith(".") && name !== ".ci" ? [] : testFilesIn(root, `${folder}${name}/`);
    }
    return name.endsWith("_test.ts") ? [folder + name] : [];
  }).sort();
}
