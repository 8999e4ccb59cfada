import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { whyNoUringEngine } from "../../../tests/helpers/uring_engine.ts";
import { RcopyError } from "../../base/errors.ts";
import { ownName } from "../../entry/name.ts";
import { openDenoEngine } from "../../io/deno/engine.ts";
import type { Directory, Engine } from "../../io/contract/engine.ts";
import { openUringEngine } from "../../io/uring/engine.ts";
import { PrivateArea, removeLeftovers } from "./private_area.ts";

const engines = {
  deno: { open: openDenoEngine, why: undefined },
  uring: {
    open: openUringEngine,
    why: Deno.env.get("RCOPY_REQUIRE_URING") === "1" ? undefined : whyNoUringEngine(),
  },
};

interface Place {
  engine: Engine;
  within: Directory;
  /** All names in the directory. */
  names: () => string[];
  path: string;
}

function testArea(name: string, fn: (place: Place) => void): void {
  for (const [kind, { open, why }] of Object.entries(engines)) {
    const shown = `private area, ${kind} engine: ${name}`;
    Deno.test({
      name: why === undefined ? shown : `${shown} (skipped: ${why})`,
      ignore: why !== undefined,
      fn() {
        const path = Deno.makeTempDirSync();
        try {
          using engine = open();
          const within = engine.openRoot(path);
          const names = () => Array.from(Deno.readDirSync(path), (entry) => entry.name).sort();
          fn({ engine, within, names, path });
          engine.closeDirectory(within);
        } finally {
          Deno.removeSync(path, { recursive: true });
        }
      },
    });
  }
}

/** The engine, with something else happening before or after its `call` for the first time. */
function disturbed(
  engine: Engine,
  call: "tryLock" | "makeDirectory",
  { before, after }: { before?: () => void; after?: () => void },
): Engine {
  let isFirst = true;
  return new Proxy(engine, {
    get(target, property) {
      const value = Reflect.get(target, property, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const isDisturbed = property === call && isFirst;
        if (isDisturbed) {
          isFirst = false;
          before?.();
        }
        const result = value.apply(target, args);
        if (isDisturbed) after?.();
        return result;
      };
    },
  });
}

testArea("another run leaves it alone while it is in use, and removes nothing but it afterwards", (place) => {
  const { engine, within, names, path } = place;
  Deno.mkdirSync(`${path}/kept`);
  const area = new PrivateArea(engine, within);
  void area.directory;
  removeLeftovers(engine, within);
  assertEquals(names().length, 2);
  area.remove();
  assertEquals(names(), ["kept"]);
});

testArea(
  "what runs left that were killed is removed at once, with a lock file, without one, half removed",
  (place) => {
    const { engine, within, names, path } = place;
    for (
      const name of [".rcopy-0123456789abcdef", ".rcopy-1123456789abcdef", ".rcopy-gone-2123456789abcdef"]
    ) {
      Deno.mkdirSync(`${path}/${name}/t0`, { recursive: true });
    }
    Deno.writeTextFileSync(`${path}/.rcopy-0123456789abcdef/lock`, "");
    removeLeftovers(engine, within);
    assertEquals(names(), []);
  },
);

testArea(
  "a run that is taken for a dead one before it has the lock begins again under another name",
  (place) => {
    const { engine, within, names } = place;
    let first: string[] = [];
    const before = () => {
      first = names();
      removeLeftovers(engine, within);
    };
    const area = new PrivateArea(disturbed(engine, "tryLock", { before }), within);
    void area.directory;
    assertEquals([first.length, names().length], [1, 1]);
    assertNotEquals(names(), first);
    removeLeftovers(engine, within);
    assertEquals(names().length, 1);
    area.remove();
    assertEquals(names(), []);
  },
);

testArea(
  "so does one whose lock another run holds, or whose directory has another name when it is locked",
  (place) => {
    const { engine, within, names, path } = place;
    const held: Disposable[] = [];
    const lockIt = () => {
      const directory = engine.openDirectory(within, ownName(names()[0]!));
      held.push(engine.tryLock(directory, ownName("lock"))!);
      engine.closeDirectory(directory);
    };
    const renameIt = () => Deno.renameSync(`${path}/${names()[0]}`, `${path}/.rcopy-gone-it`);
    for (
      const engineThen of [
        disturbed(engine, "makeDirectory", { after: lockIt }),
        disturbed(engine, "tryLock", { after: renameIt }),
      ]
    ) {
      const area = new PrivateArea(engineThen, within);
      void area.directory;
      assertEquals(names().length, 2);
      for (const lock of held.splice(0)) lock[Symbol.dispose]();
      removeLeftovers(engine, within);
      assertEquals(names().length, 1);
      area.remove();
      assertEquals(names(), []);
    }
  },
);

testArea("a destination where it never gets a lock is an error, and the next run cleans up", (place) => {
  const { engine, within, names } = place;
  const refusing = new Proxy(engine, {
    get(target, property) {
      const value = Reflect.get(target, property, target);
      if (property === "tryLock") return () => undefined;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const error = assertThrows(() => new PrivateArea(refusing, within).directory, RcopyError);
  assertEquals(error.code, "destination");
  assert(names().length > 1);
  removeLeftovers(engine, within);
  assertEquals(names(), []);
});
