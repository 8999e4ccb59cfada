/** Entries are made where they belong: they take what their directory gives, and nothing of anybody else's is touched. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { EntryName } from "../../src/entry/name.ts";
import { temporaryName } from "../../src/entry/temporary_name.ts";
import { asOtherUser, otherUser } from "../helpers/other_user.ts";
import { Proxy } from "../helpers/proxy.ts";
import {
  assertStatuses,
  type CopyOptions,
  copyTree,
  type Outcome,
  startReceiver,
  startSender,
  summaryOf,
} from "../helpers/rcopy_process.ts";
import { makeFiles } from "../helpers/small_tree.ts";
import { comparisonOf, shell, testEngines, withFolder } from "../helpers/test_folder.ts";
import { assertEqualTrees, recordTree } from "../helpers/tree_record.ts";

type Io = "deno" | "uring";

testEngines(
  "entries whose names begin as rcopy's own do are ordinary entries, in a source and in DEST",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `cd "$1" && mkdir -p source/.rcopy-notes source/.rcopy-ab/x target/.rcopy-notes target/.rcopy-run-9 &&
      echo new >source/.rcopy-notes/new && echo 1 >source/.rcopy-ab/x/f && echo 2 >source/.rcopy-file && echo 3 >source/a &&
      echo 4 >source/.rcopy-run-1 && echo 5 >source/.rcopy-aaaaaaaaaaaaaaaaaaaaaaaaaa.part && ln -s a source/.rcopy-link &&
      echo mine >target/.rcopy-notes/keep && echo mine >target/.rcopy-run-9/keep && echo mine >target/.rcopy-run-0 &&
      echo mine >target/.rcopy-zzzzzzzzzzzzzzzzzzzzzzzzzz.part && echo mine >target/.rcopy-q.journal && cp -a target before`,
        folder,
      );
      assertStatuses(await copyTree(bothWays(io, folder, ["--exists", "fail"])), 0);
      await shell(
        `cd "$1" && readlink target/.rcopy-link && ${hasFilesOf("source")} && ${hasFilesOf("before")}`,
        folder,
      );
    });
  },
);

for (const isThere of [false, true]) {
  testEngines(
    `entries have the very names of rcopy's own files for the same tree, in a DEST that is ${
      isThere ? "there" : "new"
    }`,
    async (io) => {
      await withFolder(async (folder) => {
        const part = new TextDecoder().decode(temporaryName(new TextEncoder().encode("big") as EntryName));
        await shell(
          `cd "$1" && mkdir -p source/pkg source/.rcopy-run-1 && chmod 555 source/pkg && head -c 9000000 /dev/urandom >source/big &&
        for i in 0 2 3; do echo $i >source/.rcopy-run-$i; done && ln -s big source/.rcopy-run-4 &&
        head -c 5000000 /dev/urandom >"source/$2" && echo j >"source/\${2%part}journal" && mkdir "source/\${2%part}base"`,
          folder,
          part,
        );
        if (isThere) await Deno.mkdir(`${folder}/target`);
        assertStatuses(await copyTree(bothWays(io, folder)), 0);
        await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
      });
    },
  );
}

/** What appears under a name during the copy, and what becomes of it. */
const appearing = [
  ["another file", "echo mine >big", "mine"],
  ["a link", "ln -s ../elsewhere big", "link"],
  ["a directory", "mkdir big", "directory"],
] as const;
for (const [row, [what, make, left]] of appearing.entries()) {
  for (const [column, exists] of ["changed", "replace", "skip", "fail"].entries()) {
    testEngines(
      `${what} that appears under a large file's name during the copy is kept (--exists ${exists})`,
      async (io) => {
        await withFolder(async (folder) => {
          await shell(
            'cd "$1" && mkdir source target && head -c 12000000 /dev/urandom >source/big && echo 1 >source/other && echo mine >elsewhere',
            folder,
          );
          const { sent, received } = await copyAndInterfere(bothWays(io, folder, ["--exists", exists]), {
            when: () => hasPart(`${folder}/target`),
            act: () => shell(`cd "$1/target" && ${make}`, folder).then(() => {}),
          });
          assertStatuses({ sent, received }, exists === "skip" && received.status === 0 ? 0 : 23);
          const state =
            'cd "$1/target" && if [ -L big ]; then echo link; elif [ -d big ]; then echo directory; else cat big; fi';
          assertEquals(await shell(state, folder), `${left}\n`);
          assertEquals(await shell('cat "$1/elsewhere" "$1/target/other"', folder), "mine\n1\n");
          assertEquals(await shell('find "$1/target" -name ".rcopy-*"', folder), "");
        });
      },
      { turn: row + column },
    );
  }
}

testEngines("a large file that somebody has changed since it was looked at is not replaced", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'cd "$1" && mkdir source target && head -c 12000000 /dev/urandom >source/big && echo old >target/big',
      folder,
    );
    const outcome = await copyAndInterfere(bothWays(io, folder, ["--exists", "replace"]), {
      when: () => hasPart(`${folder}/target`),
      act: () => shell('echo "newer than that" >"$1/target/big"', folder).then(() => {}),
    });
    assertStatuses(outcome, 23);
    assertEquals(await shell('cat "$1/target/big"; ls -A "$1/target"', folder), "newer than that\nbig\n");
  });
});

testEngines(
  "in a directory that is there, files get the ACL, and the group, that the directory gives",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `cd "$1" && for d in private team fresh; do mkdir -p source/$d/new && for f in $d/doc $d/new/doc; do
        echo s >source/$f; chmod 640 source/$f; done; head -c 5000000 /dev/zero >source/$d/large; chmod 640 source/$d/large; done
        mkdir -p target/private target/team && setfacl -d -m u:1600:rwx target && chgrp 2001 target/team && chmod 2770 target/team
        umask 0 && cp -r target cp && cd cp && mkdir fresh && for d in private team fresh; do mkdir -m 755 $d/new
        for f in $d/doc $d/new/doc $d/large; do touch $f && chmod 640 $f; done; done`,
        folder,
      );
      assertStatuses(await copyTree(bothWays(io, folder)), 0);
      const acl = async (root: string) =>
        await shell(
          'cd "$1" && getfacl -cpnE private/doc private/large private/new/doc team/doc team/large',
          root,
        );
      assertEquals(await acl(`${folder}/target`), await acl(`${folder}/cp`));
      const groups = 'cd "$1" && stat -c "%g %n" team/doc team/large team/new team/new/doc';
      assertEquals(
        await shell(groups, `${folder}/target`),
        "2001 team/doc\n2001 team/large\n2001 team/new\n2001 team/new/doc\n",
      );
      // Below a default ACL: that, and no more than the source's mode.
      const inherited = await shell('getfacl -cpnE "$1/target/fresh/doc" "$1/target/fresh/large"', folder);
      assertEquals(inherited.match(/^user:1600:rwx/gm)?.length, 2, inherited);
      assertEquals(inherited.match(/^mask::r--/gm)?.length, 2, inherited);
      assertEquals(inherited.match(/^other::---/gm)?.length, 2, inherited);
    });
  },
  { root: true, programs: ["setfacl"] },
);

testEngines(
  "a directory that is there keeps its set-group and sticky bits, and gets the source's mode",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `cd "$1" && mkdir -p source/tmp/in target/tmp source/g target/g && chmod 1777 source/tmp target/tmp &&
      chmod 755 source/g && chmod 2700 target/g && echo 1 >source/tmp/f && echo 2 >source/g/f`,
        folder,
      );
      assertStatuses(await copyTree(bothWays(io, folder)), 0);
      assertEquals(await shell('cd "$1/target" && stat -c "%a %n" tmp g', folder), "1777 tmp\n2755 g\n");
    });
  },
);

const asUser = { root: true, programs: ["setpriv"] };
testEngines(
  "a directory that the user may not write to fails what would be new in it, each time, and nothing else",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        `cd "$1" && mkdir -p source/sub/new/deep target/sub/old && for d in $(seq 20); do mkdir source/z$d
      for i in $(seq 20); do echo $i >source/z$d/$i; done; done; mkdir source/sub/old && echo 1 >source/sub/new/f &&
      echo 2 >source/sub/new/deep/f && echo 3 >source/sub/f && echo 4 >source/sub/old/f && head -c 5000000 /dev/zero >source/sub/large &&
      chown "$2" target target/sub/old`,
        folder,
        String(otherUser),
      );
      const options = { ...bothWays(io, folder), receiver: await asOtherUser() };
      for (let run = 0; run < 2; run++) {
        const { sent, received } = await copyTree(options);
        assertStatuses({ sent, received }, 23);
        for (const path of ["sub/new", "sub/f", "sub/large"]) {
          assertMatch(received.stdout, new RegExp(`"path":"${path}"`));
        }
        const arrived = await shell('cd "$1" && find . -type f | sort', `${folder}/target`);
        const wanted = await shell(
          'cd "$1" && find . -type f ! -path "./sub/*" | sort && echo ./sub/old/f',
          `${folder}/source`,
        );
        assertEquals(arrived.split("\n").sort(), wanted.split("\n").sort());
      }
    });
  },
  asUser,
);

const users = [
  ["a user", String(otherUser), asOtherUser, undefined],
  // As in a container that drops them; the portable engine takes root for one whom no mode keeps out.
  ["root without capabilities", "0", () => Promise.resolve({ withoutPrivileges: true }), "uring"],
] as const;
for (const [who, owner, receiver, only] of users) {
  testEngines(
    `trees of mode 0555 are completed by ${who}, interrupted or not, and are 0555 in the end`,
    async (io) => {
      await withFolder(async (folder) => {
        for (let d = 1; d <= 8; d++) makeFiles(`${folder}/source/pkg/m${d}`, { count: 12, bytes: 30_000 });
        await shell(
          `cd "$1" && for d in $(seq 8); do mkdir source/pkg/m$d/x; echo y >source/pkg/m$d/x/y; done
        chmod 555 source/pkg/*/x source/pkg/*
        chmod 555 source/pkg && mkdir target && chown "$2" target`,
          folder,
          owner,
        );
        const options = { ...bothWays(io, folder), receiver: await receiver() };
        for (const [signal, count] of [["SIGINT", 20], ["SIGKILL", 50]] as const) {
          await copyAndInterfere(options, {
            when: () => filesBelow(`${folder}/target`) >= count,
            act: (ends) => Promise.resolve(ends.receiver.kill(signal)),
          });
        }
        assertStatuses(await copyTree(options), 0);
        await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
        await shell('cd "$1/source/pkg/m1" && echo changed >1 && echo new >x/new', folder);
        assertStatuses(await copyTree(options), 0);
        await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
      });
    },
    { ...asUser, only },
  );
}

for (const [row, signal] of (["SIGHUP", "SIGKILL", "SIGINT", "SIGTERM"] as const).entries()) {
  for (const [column, victim] of (["receiver", "sender"] as const).entries()) {
    const name = `${signal} to the ${victim}: all that was whole stays, and is not sent again`;
    const body = async (io: Io) => {
      await withFolder(async (folder) => {
        for (let k = 1; k <= 10; k++) makeFiles(`${folder}/source/top/d${k}`, { count: 60, bytes: 9000 });
        // Neither end looks for the one that was ended.
        const noPatience = ["--patience", "0s"];
        const options = bothWays(io, folder, noPatience);
        const sending = { ...options, send: [...options.send!, ...noPatience] };
        const { sent, received } = await copyAndInterfere(sending, {
          when: () => filesBelow(`${folder}/target`) >= 300,
          act: ({ sender, receiver }) =>
            Promise.resolve((victim === "sender" ? sender : receiver).kill(signal)),
        });
        const number = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }[signal];
        assertEquals((victim === "sender" ? sent : received).status, 128 + number);
        const whole = await wholeFiles(`${folder}/source`, `${folder}/target`);
        assert(whole >= 250, `only ${whole} of 300 files were kept`);
        const again = await copyTree(bothWays(io, folder));
        assertStatuses(again, 0);
        assertEquals([summaryOf(again.received).skipped, summaryOf(again.received).files], [
          whole,
          600 - whole,
        ]);
        await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
      });
    };
    testEngines(name, body, { turn: row + column });
  }
}

testEngines("two runs into one DEST at the same time do no harm to each other", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      `cd "$1" && for k in 1 2 3; do mkdir -p source/d$k; for i in $(seq 150); do echo $k $i >source/d$k/$i; done
      head -c 9000000 /dev/urandom >source/d$k/large; done && mkdir -p target/d1 && echo old >target/d1/7`,
      folder,
    );
    const outcomes = await Promise.all([copyTree(bothWays(io, folder)), copyTree(bothWays(io, folder))]);
    for (const outcome of outcomes) {
      // What the other run has placed since this one looked is that entry's failure, unless it is the same.
      if (outcome.received.status !== 23) assertStatuses(outcome, 0);
    }
    await shell(`cd "$1" && ${hasFilesOf("source")}`, folder);
    assertStatuses(await copyTree(bothWays(io, folder)), 0);
    await assertEqualTrees(`${folder}/source`, `${folder}/target`, comparisonOf(io));
  });
});

testEngines("a limit of the size of files fails the files above it, and ends nothing", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'mkdir "$1/source" && cd "$1/source" && head -c 6000000 /dev/urandom >large && head -c 3000000 /dev/urandom >middle && echo 1 >small',
      folder,
    );
    // In blocks of 1024 bytes. What Deno itself writes must fit, too: without compiled code, it does.
    const { sent, received } = await copyTree({
      ...bothWays(io, folder),
      receiver: { before: "ulimit -f 2000", permissions: ["-A", "--no-code-cache"] },
    });
    assertStatuses({ sent, received }, 23);
    for (const path of ["large", "middle"]) assertMatch(received.stdout, new RegExp(`"path":"${path}"`));
    assertEquals(await shell('ls -A "$1/target"', folder), "small\n");
  });
});

/** Shell text that fails unless every file of a folder has the same content in `target`. */
function hasFilesOf(folder: string): string {
  return `(cd ${folder} && find . -type f) | while read -r f; do cmp "${folder}/$f" "target/$f" || exit 1; done`;
}

/** Copies through a proxy, and does something once, when there is reason to, while nothing moves. */
async function copyAndInterfere(
  options: CopyOptions,
  { when, act }: {
    when: () => boolean;
    act: (ends: { sender: Killable; receiver: Killable }) => Promise<void>;
  },
): Promise<{ sent: Outcome; received: Outcome }> {
  const quick = ["--timeout", "3s"];
  const all = { ...options, send: [...options.send!, ...quick], receive: [...options.receive!, ...quick] };
  const { sender, address } = await startSender(all);
  await using _sender = sender;
  let acted: Promise<void> | undefined;
  await using proxy = new Proxy(address, {
    onChunk: async () => {
      if (!acted && when()) acted = act({ sender, receiver });
      await acted;
    },
  });
  await using receiver = startReceiver(all, proxy.address);
  const received = await receiver.end();
  // A receiver that was killed leaves a sender that waits for the next one.
  if (received.status !== 0 && received.status !== 23) sender.kill("SIGTERM");
  const sent = await sender.end();
  assert(acted !== undefined, `the moment never came\n${received.stderr}${sent.stderr}`);
  return { sent, received };
}

interface Killable {
  kill(signal: Deno.Signal): void;
}

/** Whether a large file is under way. */
function hasPart(directory: string): boolean {
  return [...Deno.readDirSync(directory)].some(({ name }) => name.endsWith(".part"));
}

function filesBelow(directory: string): number {
  let count = 0;
  try {
    for (const { name, isDirectory } of Deno.readDirSync(directory)) {
      count += isDirectory ? filesBelow(`${directory}/${name}`) : 1;
    }
  } catch {
    // It is not there yet.
  }
  return count;
}

/** Files of the source that are at the destination with content and time. */
async function wholeFiles(source: string, target: string): Promise<number> {
  const wanted = await recordTree(source);
  const found = await recordTree(target);
  return [...found].filter(([path, { kind, hash, mtime }]) =>
    kind === "f" && hash === wanted.get(path)?.hash &&
    mtime.slice(0, 14) === wanted.get(path)?.mtime.slice(0, 14)
  ).length;
}

function bothWays(io: Io, folder: string, receive: readonly string[] = []): CopyOptions {
  const json = ["--json", "--io", io];
  return {
    source: `${folder}/source`,
    target: `${folder}/target`,
    send: json,
    receive: [...json, ...receive],
  };
}
