/** The contract of placing: final names, what may be replaced, temporary names, default ACLs. */
import { assert, assertEquals } from "@std/assert";
import { probeName, temporaryName } from "../../src/entry/temporary_name.ts";
import { type Engine, Lacks } from "../../src/io/contract/engine.ts";
import { shell, withTmpfs } from "../helpers/test_folder.ts";
import {
  assertCode,
  checkCode,
  contentOf,
  type ContractTest,
  createLarge,
  createOne,
  fileWrite,
  lookUpOne,
  makeDirectory,
  mtimeOf,
  named,
  plainTime,
  settle,
  statOf,
} from "./contract_case.ts";

/** Gives a directory a default ACL, as linux/posix_acl_xattr.h lays it out: user rw-, group r--, other ---. */
const setDefaultAcl = `import os, struct, sys
acl = struct.pack('<I', 2)
for tag, perm in ((1, 6), (4, 4), (32, 0)): acl += struct.pack('<HHI', tag, perm, 0xffffffff)
os.setxattr(sys.argv[1], 'system.posix_acl_default', acl)`;

export function placingContract(test: ContractTest): void {
  places(test);
  replacements(test);
  temporaryNames(test);
  policies(test);
}

function places(test: ContractTest): void {
  test("place gives a file its name, and never takes one that is there", async ({ engine, root, folder }) => {
    const prepare =
      'cd "$1"; echo new > new; echo old > old; ln -sf none link; mkdir -p empty full/x; mkfifo -m 0600 fifo';
    await shell(prepare, folder);
    for (const name of ["old", "link", "empty", "full", "fifo"]) {
      assertCode("exists", () => engine.place(root, named("new"), named(name)));
    }
    assertEquals(
      await shell('cd "$1"; cat old new; ls', folder),
      "old\nnew\nempty\nfifo\nfull\nlink\nnew\nold\n",
    );
    engine.place(root, named("new"), named("placed"));
    engine.place(root, named("link"), named("placed link"));
    assertEquals(
      await shell('cd "$1"; cat placed; readlink "placed link"; stat --format=%h placed; ls', folder),
      "new\nnone\n1\nempty\nfifo\nfull\nold\nplaced\nplaced link\n",
    );
    assertCode("not-found", () => engine.place(root, named("none"), named("other")));
    assertEquals(lookUpOne(engine, root, "other"), undefined);
  });

  test("where there are no links a name is not taken either", async ({ engine, root, folder }) => {
    await withExfat(folder, async () => {
      const other = engine.openDirectory(root, named("m"));
      for (const [name, options] of [["a", {}], ["b", { atOnce: true }]] as const) {
        assertEquals(await createOne(engine, other, name, options), undefined);
        assertEquals((await mtimeOf(`${folder}/m/${name}`)).seconds, plainTime.seconds);
        checkCode("exists", await createOne(engine, other, name, options));
        assertEquals(await Deno.readFile(`${folder}/m/${name}`), contentOf(5));
      }
      await createLarge(engine, other, "large", { lacks: Lacks.mode });
      assertEquals(await shell('ls -A "$1/m"', folder), "a\nb\nlarge\n");
      engine.closeDirectory(other);
    });
  }, { mount: true, programs: ["mkfs.exfat", "mount.exfat-fuse"] });

  for (const [mode, lacks] of [[0o640, Lacks.mode], [0o777, Lacks.nothing]] as const) {
    test(
      `where every mode is 0777, ${mode.toString(8)} is${lacks ? "" : " not"} lacking`,
      async (context) => {
        const { engine, root, folder } = context;
        await withExfat(folder, async () => {
          const other = engine.openDirectory(root, named("m"));
          // Of a directory, before anything is known of the file system, and afterwards.
          const directories = ["first", "last"].map((name) => makeDirectory(engine, other, name, mode));
          assertEquals(settle(engine, directories[0]!, mode), lacks);
          for (const atOnce of [true, false]) {
            const file = fileWrite(other, `file ${atOnce}`, { atOnce, mode });
            await engine.createFiles([file], contentOf(5)).finish();
            assertEquals([file.error, file.lacks], [undefined, lacks]);
            assertEquals(engine.setFileMode(other, file.name, mode), lacks);
          }
          await createLarge(engine, other, "large", { mode, lacks });
          assertEquals(settle(engine, directories[1]!, mode), lacks);
          for (const directory of [...directories, other]) engine.closeDirectory(directory);
        });
      },
      { mount: true, programs: ["mkfs.exfat", "mount.exfat-fuse"] },
    );
  }
}

/** While an exFAT of 32 MiB is mounted at `m` in a folder. */
async function withExfat(folder: string, body: () => Promise<void>): Promise<void> {
  await shell(
    `cd "$1"; truncate -s 32M image; mkfs.exfat image >/dev/null; mkdir m
     losetup -f --show image > loop; mount.exfat-fuse "$(cat loop)" m >/dev/null 2>&1`,
    folder,
  );
  try {
    await body();
  } finally {
    await shell('cd "$1"; umount m || umount -l m; losetup -d "$(cat loop)"', folder);
  }
}

function replacements(test: ContractTest): void {
  for (const atOnce of [false, true]) {
    test(`only what was looked at is replaced (at once: ${atOnce})`, async ({ engine, root, folder }) => {
      const replace = async (name: string, change: string) => {
        await shell('cd "$1"; echo old > "$2"; touch -d @1000000000 "$2"', folder, name);
        const replaces = lookUpOne(engine, root, name)!;
        await shell(`cd "$1"; ${change}`, folder, name);
        return await createOne(engine, root, name, { replaces, atOnce });
      };
      assertEquals(await replace("same", "true"), undefined);
      assertEquals(await Deno.readFile(`${folder}/same`), contentOf(5));
      assertEquals(await replace("gone", 'rm "$2"'), undefined);
      assertEquals(await Deno.readFile(`${folder}/gone`), contentOf(5));
      for (
        const [name, change] of [
          ["longer", 'echo more >> "$2"; touch -d @1000000000 "$2"'],
          ["newer", 'touch -d @1000000009 "$2"'],
          ["link", 'ln -sf none "$2"'],
          ["directory", 'rm "$2"; mkdir "$2"'],
        ] as const
      ) checkCode(["exists", "type-conflict"], await replace(name, change));
      assertEquals(
        await shell('cd "$1"; cat longer newer; readlink link; ls -A', folder),
        "old\nmore\nold\nnone\ndirectory\ngone\nlink\nlonger\nnewer\nsame\n",
      );
    });
  }

  test("place replaces a link or a file as it was, and no directory", async ({ engine, root, folder }) => {
    await shell('cd "$1"; echo old > file; ln -s none link; mkdir directory; echo 1 > new', folder);
    const found = (name: string) => lookUpOne(engine, root, name)!;
    assertCode(
      "type-conflict",
      () => engine.place(root, named("new"), named("directory"), found("directory")),
    );
    engine.place(root, named("new"), named("file"), found("file"));
    engine.place(root, named("file"), named("link"), found("link"));
    assertEquals(await shell('cd "$1"; cat link; ls', folder), "1\ndirectory\nlink\n");
  });
}

function temporaryNames(test: ContractTest): void {
  test("what a killed run left under the temporary name makes room", async ({ engine, root, folder }) => {
    const temporary = new TextDecoder().decode(temporaryName(named("file")));
    await shell('cd "$1"; echo half > "$2"; chmod 1600 "$2"', folder, temporary);
    assertEquals(await createOne(engine, root, "file"), undefined);
    assertEquals(await shell('ls -A "$1"', folder), "file\n");
  });

  for (
    const [what, make] of [
      ["a file of somebody's", 'echo mine > "$2"; chmod 644 "$2"'],
      ["a directory", 'mkdir "$2"'],
      ["a link", 'ln -s elsewhere "$2"'],
      ["a FIFO", 'mkfifo "$2"; chmod 1600 "$2"'],
      ["a file with another name", 'echo mine > other; chmod 1600 other; ln other "$2"'],
    ] as const
  ) {
    test(`what is not ours under the temporary name stays: ${what}`, async ({ engine, root, folder }) => {
      const temporary = new TextDecoder().decode(temporaryName(named("file")));
      await shell(`cd "$1"; ${make}`, folder, temporary);
      const before = await shell('cd "$1"; stat --format="%F %a %s %Y %i" "$2"', folder, temporary);
      assertEquals(await createOne(engine, root, "file"), undefined);
      assertEquals(await Deno.readFile(`${folder}/file`), contentOf(5));
      assertEquals(await shell('cd "$1"; stat --format="%F %a %s %Y %i" "$2"', folder, temporary), before);
      await shell('cd "$1"; rm -rf "$2" other', folder, temporary);
      assertEquals(await shell('ls -A "$1"', folder), "file\n", "and nothing else is left");
    });
  }

  test("an unfinished file that another run has locked stays", async ({ engine, root, folder }) => {
    const temporary = temporaryName(named("file"));
    const target = engine.createTarget(root, temporary, { size: 10, mode: 0o644 });
    const whole = { name: named("file"), size: 10, mtime: plainTime };
    assertEquals(engine.removeUnfinished(root, temporary, whole), false);
    assertEquals(await createOne(engine, root, "file"), undefined);
    assertEquals(lookUpOne(engine, root, new TextDecoder().decode(temporary))!.special, 0o1000);
    engine.abandonTarget(target);
    assertEquals(engine.removeUnfinished(root, temporary, whole), true);
    assertEquals(engine.removeUnfinished(root, temporary, whole), false, "nothing is there any more");
    assertEquals(await shell('ls -A "$1"', folder), "file\n");
  });

  test("a run goes on with what another left of a large file", async ({ engine, root, folder }) => {
    const temporary = temporaryName(named("file"));
    const path = `${folder}/${new TextDecoder().decode(temporary)}`;
    const whole = { name: named("file"), size: 10, mtime: plainTime };
    const options = { size: 10, mode: 0o640, whole };
    const open = () => engine.openTarget(root, temporary, options);
    assertEquals(open(), undefined, "nothing is there");
    const first = engine.createTarget(root, temporary, options);
    await engine.writeRange(first, 0, contentOf(4)).finish();
    assertEquals(open(), undefined, "a run that is alive has it");
    await engine.syncTarget(first);
    engine.abandonTarget(first);
    await shell('printf xxxxxxxxxxxx >> "$1"', path);
    const second = open()!;
    assertEquals([second.size, await statOf(path, "%s")], [10, "10"], "what is too long is cut");
    await engine.writeRange(second, 4, contentOf(6, 2)).finish();
    engine.finishTarget(second, { mode: 0o640, mtime: plainTime });
    const third = open()!;
    assertEquals(third.size, 10, "whole, and not placed yet");
    engine.finishTarget(third, { mode: 0o640, mtime: plainTime });
    engine.place(root, temporary, named("file"));
    assertEquals(await Deno.readFile(`${folder}/file`), Uint8Array.of(...contentOf(4), ...contentOf(6, 2)));
    assertEquals([open(), await statOf(`${folder}/file`, "%a %Y")], [undefined, `640 ${plainTime.seconds}`]);
  });

  for (
    const [what, make] of [
      ["a file of another mode", 'echo mine > "$2"; chmod 644 "$2"'],
      ["a directory", 'mkdir "$2"'],
      ["a link", 'echo mine > other; chmod 1600 other; ln -s other "$2"'],
      ["a FIFO", 'mkfifo "$2"; chmod 1600 "$2"'],
      ["a file with another name", 'echo mine > other; chmod 1600 other; ln other "$2"'],
    ] as const
  ) {
    test(`a run does not go on with ${what}`, async ({ engine, root, folder }) => {
      const temporary = temporaryName(named("file"));
      const name = new TextDecoder().decode(temporary);
      await shell(`cd "$1"; ${make}`, folder, name);
      const before = await shell('cd "$1"; stat --format="%F %a %s %Y %i" "$2"', folder, name);
      const whole = { name: named("file"), size: 1, mtime: plainTime };
      assertEquals(engine.openTarget(root, temporary, { size: 1, mode: 0o644, whole }), undefined);
      assertEquals(await shell('cd "$1"; stat --format="%F %a %s %Y %i" "$2"', folder, name), before);
    });
  }

  test("a run does not go on with a file of another user", async ({ engine, root, folder }) => {
    const temporary = temporaryName(named("file"));
    await shell(
      'cd "$1"; echo mine > "$2"; chmod 1600 "$2"; chown 4711 "$2"',
      folder,
      new TextDecoder().decode(temporary),
    );
    const whole = { name: named("file"), size: 1, mtime: plainTime };
    assertEquals(engine.openTarget(root, temporary, { size: 1, mode: 0o644, whole }), undefined);
  }, { root: true });

  test("a lock that another process has keeps a file, until that ends", async ({ engine, root, folder }) => {
    const temporary = temporaryName(named("file"));
    const path = `${folder}/${new TextDecoder().decode(temporary)}`;
    const whole = { name: named("file"), size: 10, mtime: plainTime };
    await shell('echo half > "$1"; chmod 1600 "$1"', path);
    const other = new Deno.Command("flock", {
      args: [path, "bash", "-c", "echo held; read -r"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = other.stdout.getReader();
    await reader.read();
    assertEquals(engine.removeUnfinished(root, temporary, whole), false);
    await other.stdin.close();
    await other.status;
    await reader.cancel();
    assertEquals(engine.removeUnfinished(root, temporary, whole), true);
  }, { programs: ["flock"] });
}

function policies(test: ContractTest): void {
  test("below a default ACL there is no more than that gives, and no more than the mode", async (context) => {
    const { engine, root, folder } = context;
    const plain = makeDirectory(engine, root, "plain");
    const ruled = makeDirectory(engine, root, "ruled");
    await shell('python3 -c "$2" "$1/ruled"', folder, setDefaultAcl);
    for (const [name, allowed] of [["plain", 0o777], ["ruled", 0o640]] as const) {
      // A handle that was there before anybody gave it an ACL is no case.
      const directory = engine.openDirectory(root, named(name));
      for (const mode of [0o644, 0o666, 0o600, 0o751, 0o444, 0o404]) {
        const octal = mode.toString(8);
        const wanted = (mode & allowed).toString(8);
        for (const atOnce of [false, true]) {
          assertEquals(await createOne(engine, directory, `${octal} ${atOnce}`, { mode, atOnce }), undefined);
          assertEquals(await statOf(`${folder}/${name}/${octal} ${atOnce}`, "%a"), wanted);
        }
        await createLarge(engine, directory, `large ${octal}`, { mode });
        assertEquals(await statOf(`${folder}/${name}/large ${octal}`, "%a"), wanted);
      }
      await checkBelow(engine, { folder: `${folder}/${name}`, directory, allowed });
      engine.closeDirectory(directory);
    }
    for (const directory of [plain, ruled]) engine.closeDirectory(directory);
  }, { programs: ["python3"] });

  test("what is there below a default ACL gets nothing that it does not have", async (context) => {
    const { engine, root, folder } = context;
    await shell('cd "$1"; mkdir ruled plain; python3 -c "$2" "$1/ruled"', folder, setDefaultAcl);
    for (const [name, file, below] of [["ruled", "640", "750"], ["plain", "664", "775"]] as const) {
      await shell('cd "$1/$2"; mkdir below; chmod 750 below; echo x > file; chmod 640 file', folder, name);
      const directory = engine.openDirectory(root, named(name));
      assertEquals(engine.setFileMode(directory, named("file"), 0o664), 0);
      const inner = engine.openDirectory(directory, named("below"));
      settle(engine, inner, 0o775);
      assertEquals(
        await shell('cd "$1/$2"; stat --format=%a file below', folder, name),
        `${file}\n${below}\n`,
      );
      assertEquals(engine.setFileMode(directory, named("file"), 0o600), 0);
      settle(engine, inner, 0o700);
      assertEquals(
        await shell('cd "$1/$2"; stat --format=%a file below; ls -A', folder, name),
        "600\n700\nbelow\nfile\n",
      );
      for (const handle of [inner, directory]) engine.closeDirectory(handle);
    }
  }, { programs: ["python3"] });

  test("a mode and a time that a file system does not keep do not fail a file", async (context) => {
    const { engine, root, folder } = context;
    await withTmpfs(`${folder}/other`, "size=1m", async () => {
      const other = engine.openDirectory(root, named("other"));
      const traits = engine.traitsOf(other);
      assertEquals(traits.keepsModes, true);
      assertEquals(traits.timeStepNs, engine.mtimeResolutionNs);
      assertEquals(String(traits.owner), await statOf(`${folder}/other`, "%u"));
      assertEquals(await shell('ls -A "$1/other"', folder), "");
      engine.closeDirectory(other);
    });
  }, { mount: true });

  for (const [left, after] of [["", []], ["somebody's", [textOf(probeName)]]] as const) {
    test(`a file of ${left.length} bytes under the name of a probe ${left === "" ? "is removed" : "stays"}`, (context) => {
      const { engine, root, folder } = context;
      Deno.writeTextFileSync(`${folder}/${textOf(probeName)}`, left);
      engine.traitsOf(root);
      assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), [...after]);
    });
  }

  test("content of a batch keeps its order of files, whichever way each is made", async ({ engine, root, folder }) => {
    const files = Array.from(
      { length: 20 },
      (_, at) => fileWrite(root, `f${at}`, { atOnce: at % 2 === 0, offset: at * 7, size: 7 }),
    );
    const content = contentOf(140);
    await engine.createFiles(files, content).finish();
    for (const [at, { error, lacks }] of files.entries()) {
      assertEquals([error, lacks ?? 0], [undefined, 0]);
      assertEquals(await Deno.readFile(`${folder}/f${at}`), content.subarray(at * 7, at * 7 + 7));
    }
  });
}

/** A directory that is made below a default ACL, and what is made in it. */
async function checkBelow(
  engine: Engine,
  { folder, directory, allowed }: {
    folder: string;
    directory: ReturnType<Engine["openRoot"]>;
    allowed: number;
  },
): Promise<void> {
  const below = makeDirectory(engine, directory, "below", 0o755);
  assert((Number.parseInt(await statOf(`${folder}/below`, "%a"), 8) & 0o700) === 0o700, "it can be filled");
  assertEquals(await createOne(engine, below, "file", { mode: 0o666, atOnce: true }), undefined);
  assertEquals(await statOf(`${folder}/below/file`, "%a"), (0o666 & allowed).toString(8));
  settle(engine, below, 0o755);
  // Its owner's search permission was added, since it had to be filled.
  const wanted = 0o755 & (allowed | 0o700);
  assertEquals(await statOf(`${folder}/below`, "%a"), wanted.toString(8));
  engine.closeDirectory(below);
}

function textOf(name: Uint8Array): string {
  return new TextDecoder().decode(name);
}
