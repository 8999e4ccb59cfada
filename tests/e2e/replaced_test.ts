/** What a copy replaces: counted and named, and not in the settings of a home. */
import { assertEquals, assertMatch } from "@std/assert";
import { assertStatuses, copyTree } from "../helpers/rcopy_process.ts";
import { shell, testEngines, withFolder } from "../helpers/test_folder.ts";

testEngines(
  "what is replaced is counted and named, small and large files and links, and nothing else",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        'mkdir -p "$1/a/d" "$1/b/d" && cd "$1/a" && echo new > d/small && echo s > same && echo n > fresh && ' +
          "head -c 5000000 /dev/urandom > large && ln -s x link && cp -p same ../b && cd ../b && " +
          "echo old > d/small && echo old > large && ln -s y link && touch -d 2020-01-01 d/small large",
        folder,
      );
      const options = {
        source: `${folder}/a`,
        target: `${folder}/b`,
        send: ["--io", io],
        receive: ["--io", io],
      };
      const outcome = await copyTree(options);
      assertStatuses(outcome, 0);
      const named = [...outcome.received.stderr.matchAll(/^rcopy: replaced: (.*)$/gm)].map(([, name]) =>
        name
      );
      assertEquals(named.sort(), ["d/small", "large", "link"]);
      assertMatch(outcome.received.stderr, /3 replaced, 1 skipped/);
      const again = await copyTree({ ...options, receive: ["--json", ...options.receive] });
      assertStatuses(again, 0);
      assertMatch(again.received.stdout, /"replaced":0/);
    });
  },
);

Deno.test("of many that are replaced twenty are named, also for scripts", async () => {
  await withFolder(async (folder) => {
    await shell(
      'mkdir "$1/a" "$1/b" && for i in $(seq 30); do echo new > "$1/a/$i"; echo older > "$1/b/$i"; done',
      folder,
    );
    const outcome = await copyTree({ source: `${folder}/a`, target: `${folder}/b`, receive: ["--json"] });
    assertStatuses(outcome, 0);
    const events = outcome.received.stdout.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(events.filter(({ type }) => type === "replaced").length, 20);
    assertEquals(events.find(({ type }) => type === "done").summary.replaced, 30);
    await shell('for i in $(seq 30); do echo older > "$1/b/$i"; done', folder);
    const shown = await copyTree({ source: `${folder}/a`, target: `${folder}/b` });
    assertMatch(shown.received.stderr, /^rcopy: replaced: 10 more$/m);
  });
});

testEngines("--exists newer replaces only what is older than the source", async (io) => {
  await withFolder(async (folder) => {
    await shell(
      'mkdir "$1/a" "$1/b" && cd "$1" && for f in older same newer; do echo source > a/$f; echo target > b/$f; done && ' +
        "touch -d 2020-01-02 a/* b/same && touch -d 2020-01-01 b/older && touch -d 2020-01-03 b/newer",
      folder,
    );
    const outcome = await copyTree({
      source: `${folder}/a`,
      target: `${folder}/b`,
      send: ["--io", io],
      receive: ["--io", io, "--exists", "newer"],
    });
    assertStatuses(outcome, 0);
    assertEquals(await shell('cd "$1/b" && cat newer older same', folder), "target\nsource\ntarget\n");
    assertMatch(outcome.received.stderr, /1 replaced, 2 skipped/);
  });
});

testEngines(
  "what a tree hides in the settings of a home is left out, and taken with --dotfiles",
  async (io) => {
    await withFolder(async (folder) => {
      await shell(
        'mkdir -p "$1/a/.ssh" "$1/a/docs/.hidden" "$1/home/.ssh" && cd "$1" && chmod 700 home/.ssh && ' +
          "echo evil > a/.ssh/authorized_keys && echo evil > a/.bashrc && echo my own > home/.bashrc && " +
          "echo fine > a/docs/.hidden/x && echo fine > a/file",
        folder,
      );
      // Deno finds what it has downloaded by the real home.
      const denoDir = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
      const env = { HOME: `${folder}/home`, DENO_DIR: denoDir };
      const options = { source: `${folder}/a`, send: ["--io", io], receiver: { env } };
      const guarded = await copyTree({ ...options, target: `${folder}/home`, receive: ["--io", io] });
      assertStatuses(guarded, 23);
      assertMatch(
        guarded.received.stderr,
        /not copied: \.bashrc: left out: it would change settings .*--dotfiles/,
      );
      assertMatch(guarded.received.stderr, /not copied: \.ssh: left out/);
      // What rcopy itself remembers there is no entry of the copy.
      const list =
        'cd "$1/home" && find . -type f ! -path "./.local/state/rcopy/*" | sort && cat .bashrc && stat -c %a .ssh';
      assertEquals(await shell(list, folder), "./.bashrc\n./docs/.hidden/x\n./file\nmy own\n700\n");

      const single = { ...options, source: `${folder}/a/.bashrc`, target: `${folder}/home/.profile` };
      assertStatuses(await copyTree({ ...single, receive: ["--io", io] }), 23);
      const below = { ...options, source: `${folder}/a/.ssh`, target: `${folder}/home/.ssh` };
      assertStatuses(await copyTree({ ...below, receive: ["--io", io] }), 23);
      await shell('ln -s home "$1/link"', folder);
      assertStatuses(await copyTree({ ...options, target: `${folder}/link/`, receive: ["--io", io] }), 23);
      assertEquals(await shell(list, folder), "./.bashrc\n./docs/.hidden/x\n./file\nmy own\n700\n");

      const taken = await copyTree({
        ...options,
        target: `${folder}/home`,
        receive: ["--io", io, "--dotfiles"],
      });
      assertStatuses(taken, 0);
      assertEquals(
        await shell('cat "$1/home/.bashrc" "$1/home/.ssh/authorized_keys"', folder),
        "evil\nevil\n",
      );
    });
  },
);
