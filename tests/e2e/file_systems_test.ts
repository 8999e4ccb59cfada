/** Copies to file systems that keep less than ext4 does, or take it otherwise: all arrives, and the next run copies nothing. */
import { assertEquals, assertMatch } from "@std/assert";
import { type FileSystem, testOn } from "../helpers/file_systems.ts";
import { assertStatuses, type CopyOptions, copyTree, summaryOf } from "../helpers/rcopy_process.ts";
import { shell } from "../helpers/test_folder.ts";
import { assertEqualTrees, type TreeComparison } from "../helpers/tree_record.ts";

/** What a file system keeps of a tree. */
interface Keeping extends FileSystem {
  /** Symbolic links; `true` by default. */
  links?: boolean;
  comparison?: TreeComparison;
}

const kept: readonly Keeping[] = [
  { kind: "ext4-128", comparison: { mtimeStepNs: 1e9 } },
  { kind: "xfs" },
  // Times of 10 ms, no modes, no links of either kind.
  { kind: "exfat", links: false, comparison: { modes: false, mtimeStepNs: 2e9 } },
  { kind: "ntfs", comparison: { modes: false, mtimeStepNs: 1000, linkTimes: false } },
  { kind: "bindfs", comparison: { linkTimes: false } },
  { kind: "mergerfs" },
  { kind: "overlay" },
  { kind: "tmpfs", options: "-o size=64m" },
  { kind: "odd", options: "plain-rename,both-times" },
  // The portable engine knows a directory by its number.
  { kind: "odd", options: "renumber", only: "uring" },
  {
    kind: "odd",
    options: "plain-rename,link=EPERM,symlink=EPERM,flock=ENOSYS,fallocate=EOPNOTSUPP",
    links: false,
  },
  { kind: "odd", options: "own-modes,fold-case,plain-rename", comparison: { modes: false } },
];

for (const fileSystem of kept) {
  testOn(fileSystem, "all arrives, a second run copies what has changed, and a third nothing", async (it) => {
    const { io, folder, mount } = it;
    const source = `${folder}/source`;
    await makeTree(source, fileSystem.links ?? true);
    const options = bothWays(io, source, `${mount}/x`);
    const comparison = { ...fileSystem.comparison };
    if (io === "deno") Object.assign(comparison, { linkTimes: false });
    comparison.mtimeStepNs = Math.max(comparison.mtimeStepNs ?? 1, io === "deno" ? 1e6 : 1);
    assertStatuses(await copyTree(options), 0);
    await assertEqualTrees(source, `${mount}/x`, comparison);
    await shell(
      'cd "$1" && echo changed >sub/small && head -c 5500000 /dev/urandom >large && echo n >sub/new',
      source,
    );
    const second = await copyTree(options);
    assertStatuses(second, 0);
    assertEquals(summaryOf(second.received).files, 3);
    await assertEqualTrees(source, `${mount}/x`, comparison);
    await copiesNothing(options);
  });
}

for (const [row, error] of ["EPERM", "ENOSYS", "EOPNOTSUPP"].entries()) {
  for (const [column, call] of ["chmod", "utimens"].entries()) {
    testOn(
      { kind: "odd", options: `${call}=${error}`, turn: row + column },
      "the content is kept, and that is no failure",
      async (it) => {
        const { io, folder, mount } = it;
        await makeTree(`${folder}/source`, true);
        assertStatuses(await copyTree(bothWays(io, `${folder}/source`, `${mount}/x`)), 0);
        await shell('diff -r --no-dereference "$1/source" "$1/m/x"', folder);
      },
    );
  }
}

/** File systems that say yes to a mode and have another one afterwards. */
const dropping: readonly FileSystem[] = [
  { kind: "exfat" },
  { kind: "exfat", options: "-o umask=027" },
  { kind: "ntfs" },
  { kind: "odd", options: "own-modes" },
  { kind: "odd", options: "own-modes,plain-rename,link=EPERM" },
  { kind: "odd", options: "deaf-chmod" },
  { kind: "tmpfs", options: "-o size=64m" },
];
for (const fileSystem of dropping) {
  testOn(fileSystem, "an entry whose mode is not the wanted one lacks its mode", async (it) => {
    const { io, folder, mount } = it;
    await makeTree(`${folder}/source`, false);
    await shell('cd "$1" && mkdir -m 777 open && echo 1 >open/all && chmod 777 open/all', `${folder}/source`);
    const options = bothWays(io, `${folder}/source`, `${mount}/x`);
    const first = await copyTree(options);
    assertStatuses(first, 0);
    assertEquals(summaryOf(first.received).lacking, await otherModes(folder, "true"));
    // In directories that were there files come into place from temporary names.
    await shell(
      'cd "$1" && echo 1 >sub/new && chmod 640 sub/new && echo longer >sub/small && head -c 5000000 /dev/zero >new',
      `${folder}/source`,
    );
    const second = await copyTree(options);
    assertStatuses(second, 0);
    assertEquals(summaryOf(second.received).files, 3);
    const settled =
      '[ "$1" != . ] && [ -d "$1" ] || case $1 in ./sub/new|./sub/small|./new) true;; *) false;; esac';
    assertEquals(summaryOf(second.received).lacking, await otherModes(folder, settled));
  });
}

for (const options of ["-o umask=0,uid=1500", "-o umask=0,uid=1500,noatime"]) {
  testOn(
    { kind: "exfat", options },
    "who may not set modes and times there copies without them",
    async (it) => {
      const { io, folder, mount } = it;
      await makeTree(`${folder}/source`, false);
      const outcome = await copyTree({
        ...bothWays(io, `${folder}/source`, `${mount}/x`),
        receiver: { withoutPrivileges: true },
      });
      assertStatuses(outcome, 0);
      await shell('diff -r "$1/source" "$1/m/x"', folder);
      assertEquals(await shell('find "$1" -name ".rcopy-*"', mount), "");
    },
  );
}

/** File systems that take `Readme` and `README` for one. */
const folding: readonly FileSystem[] = [
  { kind: "exfat" },
  { kind: "odd", options: "fold-case" },
  { kind: "odd", options: "fold-case,plain-rename,link=EPERM" },
];
for (const [row, fileSystem] of folding.entries()) {
  for (const [column, exists] of ["changed", "replace", "skip", "fail"].entries()) {
    testOn(
      { ...fileSystem, turn: row + column },
      `of two names that are one there, one arrives and the other fails (--exists ${exists})`,
      async (it) => {
        const { io, folder, mount } = it;
        await shell(
          `mkdir -p "$1/s/Src" "$1/s/src" "$1/m/v" && cd "$1/s" && echo AAAA >Readme && echo bb >README &&
        head -c 6000000 /dev/urandom >Large && head -c 5000000 /dev/urandom >LARGE &&
        echo 1 >Src/one && echo 22 >src/two && echo 3 >other`,
          folder,
        );
        const options = bothWays(io, `${folder}/s`, `${mount}/v`, ["--exists", exists]);
        // The second run finds what the first has placed.
        for (let run = 0; run < 2; run++) {
          const { sent, received } = await copyTree(options);
          const failsAgain = run === 0 || exists !== "fail";
          if (failsAgain) assertStatuses({ sent, received }, 23);
          for (const stderr of [sent.stdout, received.stdout]) {
            for (const pattern of [/"path":"readme"/i, /"path":"src"/i, /"path":"large"/i]) {
              if (failsAgain) assertMatch(stderr, pattern);
            }
          }
          // What is there under a name is the content of that very name, and the directories are not merged.
          const same = 'cd "$1/m/v" && for f in *; do [ -d "$f" ] || cmp "$f" "$1/s/$f" || exit 1; done';
          await shell(`${same} && diff -r "$1/m/v/"[Ss]rc "$1/s/$(ls -d [Ss]rc)" && ls`, folder);
          assertEquals(
            await shell('ls "$1" | tr A-Z a-z | sort | tr "\\n" " "', `${mount}/v`),
            "large other readme src ",
          );
        }
      },
    );
  }
}

for (const [row, error] of ["EIO", "EDQUOT", "ENOSPC"].entries()) {
  const closing: readonly FileSystem[] = [
    // Deno does not tell what closing a file says; the portable engine syncs before, and is told then.
    { kind: "odd", options: `flush=${error}`, only: "uring" },
    { kind: "odd", options: `flush=${error},fsync=${error}`, only: "uring" },
    { kind: "odd", options: `flush=${error},fsync=${error}`, only: "deno" },
  ];
  for (const [column, fileSystem] of closing.entries()) {
    const durable = (row + column) % 2 === 1;
    const name = `a file whose close fails is not received${durable ? " (--durable)" : ""}`;
    testOn(fileSystem, name, async ({ io, folder, mount }) => {
      await refuses(io, folder, mount, { durable, isSpace: error !== "EIO", failing: ["big", "small"] });
    });
  }
  testOn(
    // A disk that is full is met by each engine.
    { kind: "odd", options: `write=${error}`, turn: error === "ENOSPC" ? undefined : row },
    "a file that cannot be written fails alone",
    async (it) => {
      const { io, folder, mount } = it;
      await refuses(io, folder, mount, { durable: false, isSpace: error !== "EIO", failing: ["big"] });
    },
  );
}

testOn(
  { kind: "odd", options: "fsync=EIO" },
  "a large file that cannot be synced does not take the place of an old one",
  async ({ io, folder, mount }) => {
    await shell(
      `mkdir -p "$1/source/keep" "$1/m/x" && cd "$1/source" && head -c 6000000 /dev/urandom >big && echo 1 >keep/small &&
      head -c 5000000 /dev/urandom >"$1/m/x/big" && cp "$1/m/x/big" "$1/before"`,
      folder,
    );
    const { sent, received } = await copyTree(bothWays(io, `${folder}/source`, `${mount}/x`));
    assertStatuses({ sent, received }, 23);
    await shell('cd "$1" && cmp before m/x/big && cmp source/keep/small m/x/keep/small', folder);
  },
);

testOn(
  { kind: "ntfs", options: "-o windows_names" },
  "names that Windows does not take fail alone",
  async (it) => {
    const { io, folder, mount } = it;
    await shell(
      `mkdir -p "$1/s/a:b/deep/deeper" "$1/s/z" "$1/s/in" && cd "$1/s" && echo 1 >a:b/f && echo 1 >a:b/deep/deeper/f &&
    echo 2 >z/g && echo 3 >c && echo 4 >in/what? && echo 5 >in/fine && head -c 5000000 /dev/zero >in/'large|one' && ln -s c 'li*nk'`,
      folder,
    );
    const { sent, received } = await copyTree(bothWays(io, `${folder}/s`, `${mount}/x`));
    assertStatuses({ sent, received }, 23);
    for (const { stdout } of [sent, received]) {
      for (const path of ['"a:b"', '"in/what\\?"', '"in/large\\|one"', '"li\\*nk"']) {
        assertMatch(stdout, new RegExp(`"path":${path}.*does not take the name`));
      }
    }
    assertEquals(
      await shell('cd "$1/x" && find . | sort | tr "\\n" " "', mount),
      ". ./c ./in ./in/fine ./z ./z/g ",
    );
  },
);

const steps: readonly (FileSystem & { step?: RegExp })[] = [
  { kind: "exfat", step: /in steps of 1 s/ },
  { kind: "ext4-128", step: /in steps of 1 s/ },
  { kind: "ntfs", only: "uring", step: /in steps of 100 ns/ },
  { kind: "ntfs", only: "deno" },
  { kind: "tmpfs", options: "-o size=64m" },
];
for (const { step, ...fileSystem } of steps) {
  testOn(fileSystem, `times are ${step ? "cut to a step, which is said once" : "kept"}`, async (it) => {
    const { io, folder, mount } = it;
    await makeTree(`${folder}/source`, false);
    const { sent, received } = await copyTree(bothWays(io, `${folder}/source`, `${mount}/x`));
    assertStatuses({ sent, received }, 0);
    const notes = received.stdout.split("\n").filter((line) => line.includes("in steps of"));
    assertEquals(notes.length, step ? 1 : 0, received.stdout);
    if (step) assertMatch(notes[0]!, step);
  });
}

testOn({ kind: "odd", options: "own-times" }, "every entry whose time is dropped lacks it", async (it) => {
  const { io, folder, mount } = it;
  await makeTree(`${folder}/source`, true);
  const { sent, received } = await copyTree(bothWays(io, `${folder}/source`, `${mount}/x`));
  assertStatuses({ sent, received }, 0);
  const entries = await shell('find "$1" -mindepth 1 -printf x', `${folder}/source`);
  assertEquals(summaryOf(received).lacking, entries.length);
});

/** What a file system does not take is said in plain words at both ends, the errno behind. */
testOn({ kind: "exfat" }, "what is not taken there is said in plain words", async (it) => {
  const { io, folder, mount } = it;
  await shell(
    `mkdir -p "$1/s/d" "$1/s/d:x" "$1/s/Sub" "$1/s/sub" && cd "$1/s" && for f in "q?" a:b case Case d/fine; do echo 1 >"$f"; done &&
      printf x >$'new\\nline' && ln -s case link && head -c 5000000 /dev/zero >"d/large|one" &&
      { [ "$2" = deno ] || echo 1 >$'b\\xffd'; }`,
    folder,
    io,
  );
  const options = bothWays(io, `${folder}/s`, `${mount}/x`);
  // At first in directories that the run makes, then in such as are there.
  for (let run = 0; run < 2; run++) {
    const { sent, received } = await copyTree(options);
    assertStatuses({ sent, received }, 23);
    for (const { stdout } of [sent, received]) {
      const failures = stdout.split("\n").filter((line) => line.includes('"failure"')).join("\n");
      const said = [
        /does not take the name \\"q\?\\": it holds \\"\?\\" \(E/,
        /does not take the name \\"a:b\\": it holds \\":\\" \(E/,
        /does not take the name \\"d:x\\"/,
        /does not take the name \\"large\|one\\"/,
        /does not take the name \\"new\\\\\\\\nline\\"|does not take the name \\"new\\\\nline\\"/,
        /takes \\"case\\" and \\"case\\" for one name/i,
        /takes \\"sub\\" and \\"sub\\" for one name/i,
        /has no symbolic links/,
      ];
      if (io === "uring") said.push(/it is not UTF-8 \(EILSEQ\)/);
      for (const pattern of said) assertMatch(failures, pattern);
    }
  }
});

testOn({ kind: "odd", options: "short-names" }, "a name that is too long there fails alone", async (it) => {
  const { io, folder, mount } = it;
  await shell(
    'n=$(printf "%0150d" 0) && mkdir -p "$1/s/d$n" && cd "$1/s" && echo 1 >f$n && echo 2 >d$n/in && echo 3 >fine && ' +
      "head -c 5000000 /dev/zero >l$n",
    folder,
  );
  const { sent, received } = await copyTree(bothWays(io, `${folder}/s`, `${mount}/x`));
  assertStatuses({ sent, received }, 23);
  assertEquals(await shell('ls -A "$1/x"', mount), "fine\n");
});

for (const [row, error] of ["EPERM", "EACCES", "EIO", "EROFS", "ENOSPC"].entries()) {
  testOn(
    { kind: "odd", options: `mkdir=${error}`, turn: error === "ENOSPC" ? undefined : row },
    "a directory that cannot be made fails alone, with all in it",
    async (it) => {
      const { io, folder, mount } = it;
      await shell(
        'mkdir -p "$1/s/keep" "$1/s/no/deep" && cd "$1/s" && echo 1 >keep/f && echo 2 >no/f && echo 3 >no/deep/f && echo 4 >f',
        folder,
      );
      const { sent, received } = await copyTree(bothWays(io, `${folder}/s`, mount));
      if (error === "ENOSPC") return assertEquals([5, 23].includes(received.status), true, received.stderr);
      assertStatuses({ sent, received }, 23);
      assertEquals(await shell('cd "$1" && find . | sort | tr "\\n" " "', mount), ". ./f ./keep ./keep/f ");
    },
  );
}

/** What failed is not under its final name with the size and time by which the next run would skip it. */
async function refuses(
  io: "deno" | "uring",
  folder: string,
  mount: string,
  { durable, isSpace, failing }: { durable: boolean; isSpace: boolean; failing: readonly string[] },
): Promise<void> {
  await shell(
    `mkdir -p "$1/source/keep" && cd "$1/source" && head -c 6000000 /dev/urandom >big && echo 1 >small &&
    head -c 6000000 /dev/urandom >keep/big && echo 2 >keep/small`,
    folder,
  );
  const options = bothWays(io, `${folder}/source`, `${mount}/x`, durable ? ["--durable"] : []);
  const { sent, received } = await copyTree(options);
  // A disk that is full ends the run, or is that file's failure.
  if (!isSpace || received.status !== 5) assertStatuses({ sent, received }, 23);
  assertEquals(sent.status, received.status);
  for (const name of failing) {
    if (!isSpace || received.status !== 5) assertMatch(received.stdout, new RegExp(`"path":"${name}"`));
    const there = await shell('stat -c "%s %Y" "$1" 2>/dev/null || true', `${mount}/x/${name}`);
    const wanted = await shell('stat -c "%s %Y" "$1"', `${folder}/source/${name}`);
    assertEquals(there === wanted, false, `${name} would be skipped by the next run`);
  }
  if (received.status === 23) await shell('diff -r "$1/source/keep" "$1/m/x/keep"', folder);
}

/** How many entries have another mode than those of the source, of those for which a condition of the shell holds. */
async function otherModes(folder: string, condition: string): Promise<number> {
  const counted = await shell(
    `cd "$1/source" && wanted() { ${condition}; } && find . -print0 | while IFS= read -r -d "" path; do
      ! wanted "$path" || [ "$(stat -c %a "$path")" = "$(stat -c %a "$1/m/x/$path")" ] || echo
    done`,
    folder,
  );
  return counted.length;
}

async function copiesNothing(options: CopyOptions): Promise<void> {
  const { sent, received } = await copyTree(options);
  assertStatuses({ sent, received }, 0);
  assertEquals([summaryOf(received).files, summaryOf(received).bytes], [0, 0], received.stdout);
}

function bothWays(
  io: "deno" | "uring",
  source: string,
  target: string,
  receive: readonly string[] = [],
): CopyOptions {
  const json = ["--json", "--io", io];
  return { source, target, send: json, receive: [...json, ...receive] };
}

/** Files of every size class with times to the nanosecond, directories with theirs, and links where there are any. */
async function makeTree(root: string, links: boolean): Promise<void> {
  await shell(
    `mkdir -p "$1/sub/deep/deeper" "$1/empty" && cd "$1" && echo small >sub/small && : >sub/none &&
    head -c 70000 /dev/urandom >sub/deep/middle && head -c 6000000 /dev/urandom >large && echo x >sub/program &&
    chmod 755 sub/program && chmod 600 sub/small && chmod 750 sub/deep && chmod 444 sub/none &&
    { [ -z "$2" ] || { ln -s sub/small link && ln -s nowhere sub/dangling; }; } &&
    find . -depth -exec touch -h -d '2020-01-02 03:04:05.678912345' {} +`,
    root,
    ...(links ? ["links"] : [""]),
  );
}
