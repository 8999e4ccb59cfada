import { assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { parseEntryName } from "../../entry/name.ts";
import type { Engine } from "../../io/contract/engine.ts";
import { bytesOf, type EngineFolder, inFolder, textOf } from "../../../tests/helpers/transfer_parts.ts";
import { FileSystems } from "./file_systems.ts";
import { StandingEntries } from "./standing.ts";
import { TargetTree } from "./tree.ts";

const name = (text: string) => parseEntryName(bytesOf(text));

/** What stands under names; of an engine that takes names for one, where `fold` makes them equal. */
function standing(folder: EngineFolder, fold?: (text: string) => string): (...names: string[]) => string[] {
  const engine = fold ? folding(folder, fold) : folder.engine;
  const tree = new TargetTree(folder.root, engine.identityOf(folder.root).device);
  const entries = new StandingEntries(engine, new FileSystems(engine, { dryRun: false }));
  return (...names) =>
    entries.lookUp(tree.root, names.map(name)).map((found) => {
      if (!found) return "free";
      if (found instanceof RcopyError) return found.code;
      return found.isUnfinished ? "unfinished" : "there";
    });
}

function folding({ engine, names }: EngineFolder, fold: (text: string) => string): Engine {
  return new Proxy(engine, {
    get(target, property) {
      const value = Reflect.get(target, property, target) as unknown;
      if (property === "lookup") {
        return (directory: Parameters<Engine["lookup"]>[0], asked: Parameters<Engine["lookup"]>[1]) =>
          engine.lookup(
            directory,
            asked.map((one) =>
              name(names().find((there) => fold(there) === fold(textOf(one))) ?? textOf(one))
            ),
          );
      }
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

const lower = (text: string) => text.toLowerCase();
const composed = (text: string) => text.normalize("NFC");
const asFat = (text: string) => text.toLowerCase().replace(/[. ]+$/, "");

Deno.test("StandingEntries finds what is there, and nothing else", async () => {
  await inFolder((folder) => {
    folder.write("a");
    folder.write("A");
    assertEquals(standing(folder)("a", "A", "b"), ["there", "there", "free"]);
  });
});

Deno.test("StandingEntries takes the entry of another name for an error where names are folded", async () => {
  await inFolder((folder) => {
    folder.write("Readme");
    folder.write("same");
    const look = standing(folder, lower);
    assertEquals(look("README", "same", "new"), ["exists", "there", "free"]);
    folder.write("new");
    assertEquals(look("NEW", "Readme", "Same"), ["exists", "there", "exists"], "also of what the run made");
  });
});

Deno.test("StandingEntries knows forms of letters, and what a file system gives back in another form", async () => {
  await inFolder((folder) => {
    folder.write("e\u0301"); // decomposed
    const look = standing(folder, composed);
    assertEquals(look("\u00e9"), ["there"], "the same name, as the file system spells it");
    assertEquals(look("e\u0301"), ["exists"], "the manifest has both, and there is one");
  });
});

Deno.test("StandingEntries takes a name without its last dots for the one that was given, once", async () => {
  await inFolder((folder) => {
    folder.write("report");
    assertEquals(standing(folder, asFat)("report.", "report"), ["there", "exists"]);
  });
});

Deno.test("StandingEntries asks about folding once a directory, and does not list where names are kept", async () => {
  await inFolder((folder) => {
    for (const one of ["a", "b", "c"]) folder.write(one);
    const look = standing(folder);
    const before = folder.calls.lookup ?? 0;
    look("a", "b", "c");
    look("a");
    assertEquals([folder.calls.lookup! - before, folder.calls.list ?? 0], [3, 0]);
  });
});

Deno.test("StandingEntries takes what a killed run left for unfinished, and the like of others for there", async () => {
  await inFolder((folder) => {
    const { path, write } = folder;
    const at = (one: string, mode: number, seconds: number) => {
      write(one, "half");
      Deno.utimeSync(`${path}/${one}`, seconds, seconds);
      Deno.chmodSync(`${path}/${one}`, mode);
    };
    at("marked", 0o1600, 1_600_000_000);
    at("placeholder", 0o600, 0);
    at("private", 0o600, 1_600_000_000);
    at("old", 0o644, 0);
    at("sticky", 0o1644, 1_600_000_000);
    Deno.mkdirSync(`${path}/directory`);
    Deno.chmodSync(`${path}/directory`, 0o1600);
    assertEquals(standing(folder)("marked", "placeholder", "private", "old", "sticky", "directory"), [
      "unfinished",
      "unfinished",
      "there",
      "there",
      "there",
      "there",
    ]);
  });
});
