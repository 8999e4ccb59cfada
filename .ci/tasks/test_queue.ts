/** What the processes of `deno test` run: units of one file or a few, which the next free process takes. */

/** What one process of `deno test` runs. */
export interface TestUnit {
  title: string;
  /** Test files and folders. */
  files: readonly string[];
  /** Test files that are left to other units. */
  ignored: readonly string[];
  /** Whether Deno checks types before it runs them. */
  isChecked: boolean;
  /** Further arguments of `deno test`. */
  args?: readonly string[];
}

/** Titles of the units that take the longest; they come first. */
export const longest: readonly string[] = [
  "tests/e2e/patience_test.ts",
  "tests/e2e/file_systems_test.ts",
  "tests/e2e/power_loss_test.ts",
  "tests/e2e/kill_points_test.ts",
  "tests/e2e/delta_test.ts",
  "tests/e2e/placement_test.ts",
  "tests/e2e/resume_test.ts",
  "tests/e2e/remote_test.ts",
  "tests/e2e/doctor_test.ts",
  "src/transfer",
  "tests/hostile/wire_test.ts",
  "tests/e2e/streams_test.ts",
  "src/security",
  "tests/bench",
  "tests/e2e/metadata_test.ts",
  "tests/e2e/landing_test.ts",
  "tests/e2e/kill_test.ts",
  "tests/e2e/send_test.ts",
  "tests/e2e/descriptors_test.ts",
  "tests/e2e/auth_ssh_test.ts",
  "tests/e2e/check_test.ts",
  "tests/hostile/flood_test.ts",
  "tests/hostile/names_test.ts",
  "tests/hostile/data_test.ts",
  "tests/hostile/race_test.ts",
  "tests/hostile/memory_test.ts",
  "tests/e2e/mounts_in_destination_test.ts",
  "tests/contract",
  "tests/transfer",
];

/**
 * Every test once, the longest units first. `files` are all test files of the project. The last unit names none, so that
 * Deno looks for examples in all modules.
 */
export function testUnits(files: readonly string[]): TestUnit[] {
  const units = new Map<string, string[]>();
  for (const file of files) {
    const title = unitOf(file);
    units.set(title, [...units.get(title) ?? [], file]);
  }
  const titles = [...longest, ...[...units.keys()].filter((title) => !longest.includes(title))];
  return [
    ...titles.map((title) => ({ title, files: units.get(title) ?? [], ignored: [], isChecked: false })),
    {
      title: "examples of the documentation",
      files: [],
      ignored: files,
      isChecked: false,
    },
  ];
}

/** Tests of the program are long: each file is a unit. Those beside modules are short: each room of `src/` is one. */
function unitOf(file: string): string {
  if (/^tests\/(e2e|hostile)\//.test(file)) return file;
  return /^src\/[^/]+/.exec(file)?.[0] ?? file.slice(0, file.lastIndexOf("/"));
}

/** The test files of the project whose root is `root`, as paths from there. */
export function testFilesIn(root: URL, folder = ""): string[] {
  return [...Deno.readDirSync(new URL(folder || ".", root))].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return name === ".git" ? [] : testFilesIn(root, `${folder}${name}/`);
    return name.endsWith("_test.ts") ? [folder + name] : [];
  }).sort();
}
