import { assertEquals, assertMatch } from "@std/assert";
import { whyNoUringEngine } from "../../tests/helpers/uring_engine.ts";
import { shell, whyNot } from "../../tests/helpers/test_folder.ts";
import { chooseEngine } from "./choose_engine.ts";

const module = import.meta.resolve("./choose_engine.ts");
const config = new URL("../../deno.json", import.meta.url).pathname;
const refuseSource = new URL("../../tests/helpers/refuse_uring.c", import.meta.url).pathname;

/** How a choice went, in a process of its own. */
interface Outcome {
  kind?: string;
  reason?: string;
  code?: string;
  message?: string;
}

/** Chooses with the flags given, in a Deno that may ask nobody. `under` is run before it, in the same folder. */
async function choose(
  choice: string,
  { flags, under = "" }: { flags: string[]; under?: string },
): Promise<Outcome> {
  const folder = await Deno.makeTempDir({ prefix: "rcopy-choose-" });
  try {
    await Deno.writeTextFile(
      `${folder}/program.ts`,
      `import { chooseEngine } from ${JSON.stringify(module)};
      try {
        const { engine, reason } = await chooseEngine(${JSON.stringify(choice)});
        console.log(JSON.stringify({ kind: engine.kind, reason }));
        engine[Symbol.dispose]();
      } catch ({ code, message }) {
        console.log(JSON.stringify({ code, message }));
      }`,
    );
    const deno = [
      Deno.execPath(),
      "run",
      "--no-prompt",
      "--no-lock",
      "--no-check",
      "--quiet",
      "--config",
      config,
    ];
    const text = await shell(
      `cd "$1"; shift; if test -n "$1"; then cc -Wall -Werror -o refuse "$1" && before=./refuse; fi; shift; exec $before "$@"`,
      folder,
      under,
      ...deno,
      ...flags,
      `${folder}/program.ts`,
    );
    return JSON.parse(text);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function testHere(name: string, missing: string | undefined, fn: () => Promise<void>): void {
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn,
  });
}

const noUring = Deno.env.get("RCOPY_REQUIRE_URING") === "1" ? undefined : whyNoUringEngine();
/** Without the library the kernel is not asked. */
const noRefusal = (noUring && `no io_uring: ${noUring}`) ?? whyNot({ programs: ["cc"] });

testHere(
  "auto takes io_uring where it works, and says so",
  noUring && `no io_uring: ${noUring}`,
  async () => {
    for (const choice of ["auto", "uring"] as const) {
      const { engine, reason } = await chooseEngine(choice);
      assertEquals([engine.kind, reason], ["uring", "io_uring works on this machine"]);
      engine[Symbol.dispose]();
    }
  },
);

Deno.test("the portable engine is there for whoever asks for it", async () => {
  const { engine, reason } = await chooseEngine("deno");
  assertEquals([engine.kind, reason], ["deno", "Deno's own file calls were asked for (--io deno)"]);
  engine[Symbol.dispose]();
});

Deno.test("without --allow-ffi auto takes the portable engine and names the flag, and nobody is asked", async () => {
  const outcome = await choose("auto", { flags: ["--allow-read", "--allow-write"] });
  assertEquals(outcome.kind, "deno");
  assertMatch(outcome.reason!, Deno.build.os === "linux" ? /^no io_uring: .*--allow-ffi/ : /^no io_uring: ./);
});

Deno.test("without --allow-ffi uring is refused with the flag and the way out", async () => {
  const outcome = await choose("uring", { flags: ["--allow-read", "--allow-write"] });
  assertEquals(outcome.code, "engine-unavailable");
  assertMatch(outcome.message!, Deno.build.os === "linux" ? /--allow-ffi.*--io auto/ : /--io auto/);
});

Deno.test("the portable engine is chosen without any permission", async () => {
  assertEquals((await choose("deno", { flags: [] })).kind, "deno");
});

testHere("where the kernel refuses, auto takes the portable engine and says why", noRefusal, async () => {
  const outcome = await choose("auto", { flags: ["-A"], under: refuseSource });
  assertEquals(outcome.kind, "deno");
  assertMatch(outcome.reason!, /^no io_uring: ./);
  assertMatch(outcome.reason!, /kernel|refuse|permi/i);
});

testHere("where the kernel refuses, uring is engine-unavailable with the reason", noRefusal, async () => {
  const auto = await choose("auto", { flags: ["-A"], under: refuseSource });
  const outcome = await choose("uring", { flags: ["-A"], under: refuseSource });
  assertEquals(outcome.code, "engine-unavailable");
  assertEquals(outcome.message!.includes(auto.reason!.replace("no io_uring: ", "")), true, outcome.message!);
});
