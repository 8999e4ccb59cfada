import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { parseEntryName } from "../../entry/name.ts";
import type { Directory } from "../../io/contract/engine.ts";
import { bytesOf, type EngineFolder, inFolder, textOf } from "../../../tests/helpers/transfer_parts.ts";
import type { Fault } from "../../../tests/helpers/fault_engine.ts";
import { type BuildPlace, Placement } from "./placement.ts";
import type { HeldTarget, TargetDirectory } from "./tree.ts";
import { TargetTree } from "./tree.ts";

const name = (text: string) => parseEntryName(bytesOf(text));
const mtime = { seconds: 1_600_000_000, nanos: 0 };

/** A placement into the folder, and what it has told. */
class Place {
  readonly tree: TargetTree;
  readonly placement: Placement;
  readonly told: string[] = [];
  readonly #folder: EngineFolder;

  constructor(folder: EngineFolder, durable = false) {
    this.#folder = folder;
    const { device } = folder.engine.identityOf(folder.root);
    this.tree = new TargetTree(folder.root, device);
    this.placement = new Placement(folder.engine, this.tree, { durable, dryRun: false });
  }

  placeHeld(held: HeldTarget): void {
    this.told.push(`${textOf(held.name)} placed`);
  }

  failHeld(held: HeldTarget, error: RcopyError): void {
    this.told.push(`${textOf(held.name)} ${error.code}`);
  }

  hashOfLink(): Uint8Array {
    return new Uint8Array(16);
  }

  /** A directory that the manifest has announced and closed, with so many entries to wait for. */
  directory(parent: TargetDirectory, text: string, pending: number): TargetDirectory {
    const directory = this.tree.announce({ parent, name: name(text), mode: 0o750, mtime });
    directory.held = this.held(directory, parent, EntryKind.directory);
    directory.closed = true;
    directory.pending = pending;
    parent.pending++;
    return directory;
  }

  held({ name }: { name: HeldTarget["name"] }, directory: TargetDirectory, kind: EntryKind): HeldTarget {
    return { batch: 0, entry: 0, kind, mode: 0o750, size: 0, mtime, directory, name };
  }

  /** Writes a file where the placement wants it to be built. */
  build(directory: TargetDirectory, text: string): BuildPlace {
    const built = this.placement.buildPlace(directory, name(text));
    const write = {
      directory: built.directory,
      name: built.name,
      mode: 0o644,
      mtime,
      offset: 0,
      size: text.length,
    };
    this.#folder.engine.createFiles([write], bytesOf(text)).finish();
    return built;
  }

  link(directory: TargetDirectory, text: string, textBytes = 2): boolean {
    const held = this.held({ name: name(text) }, directory, EntryKind.link);
    return this.placement.deferLink({ held, text: new Uint8Array(textBytes).fill(0x74) });
  }

  /** One entry of the directory is settled. */
  settle(directory: TargetDirectory): void {
    directory.pending--;
    this.placement.completeFrom(directory, this);
  }
}

async function withPlace(
  body: (place: Place, folder: EngineFolder) => Promise<void> | void,
  { faults = [], durable = false }: { faults?: Fault[]; durable?: boolean } = {},
): Promise<void> {
  await inFolder(async (folder) => {
    const place = new Place(folder, durable);
    await body(place, folder);
    place.placement.close();
    assertEquals(
      folder.names().filter((found) => found.startsWith(".rcopy-")),
      [],
      "no private area is left",
    );
  }, faults);
}

/** Names without those of rcopy itself. */
const visible = ({ names }: EngineFolder, path?: string) =>
  names(path).filter((found) => !found.startsWith("."));
const refused = new RcopyError("not-permitted", "says the test");

Deno.test("Placement builds a file in private where the directory was there before, and renames it over the old", async () => {
  await withPlace((place, folder) => {
    folder.write("file", "old");
    const built = place.build(place.tree.root, "file");
    assertEquals(Deno.readTextFileSync(`${folder.path}/file`), "old");
    place.placement.publish(built);
    assertEquals([visible(folder), Deno.readTextFileSync(`${folder.path}/file`)], [["file"], "file"]);
  });
});

Deno.test("Placement leaves the old file, and nothing of the new, when a rename fails", async () => {
  await withPlace((place, folder) => {
    folder.write("file", "old");
    const built = place.build(place.tree.root, "file");
    const publish = () => place.placement.publish(built);
    assertEquals(assertThrows(publish, RcopyError), refused);
    assertEquals(Deno.readTextFileSync(`${folder.path}/file`), "old");
    const area = folder.names().find((found) => found.startsWith(".rcopy-"))!;
    assertEquals(folder.names(area), ["lock"]);
  }, { faults: [{ method: "rename", call: 1, error: refused }] });
});

Deno.test("Placement shows a fresh directory only once everything in it is there, with its own mode and time", async () => {
  await withPlace((place, folder) => {
    const a = place.directory(place.tree.root, "a", 1);
    place.placement.makeFresh(a);
    const b = place.directory(a, "b", 1);
    place.placement.makeFresh(b);
    a.pending--; // the announcement counts b already
    place.build(b, "file");
    assertEquals(visible(folder), []);
    place.settle(b);
    assertEquals([visible(folder), place.told], [["a"], ["b placed", "a placed"]]);
    assertEquals([folder.names("a"), folder.names("a/b")], [["b"], ["file"]]);
    const { mode, mtime: time } = Deno.statSync(`${folder.path}/a`);
    assertEquals([mode! & 0o777, time!.getTime()], [0o750, mtime.seconds * 1000]);
  });
});

Deno.test("Placement completes a directory that was there before without moving it", async () => {
  await withPlace((place, folder) => {
    folder.write("a/old");
    const a = place.directory(place.tree.root, "a", 1);
    place.placement.openExisting(a);
    place.settle(a);
    assertEquals([folder.names("a"), place.told], [["old"], ["a placed"]]);
    assertEquals(Deno.statSync(`${folder.path}/a`).mode! & 0o777, 0o750);
  });
});

Deno.test("Placement waits for every entry of a directory, and until it is closed, and then for its parents", async () => {
  await withPlace((place) => {
    const a = place.directory(place.tree.root, "a", 2);
    place.placement.makeFresh(a);
    place.settle(a);
    assertEquals(place.told, []);
    a.closed = false;
    place.settle(a);
    assertEquals(place.told, []);
    a.closed = true;
    place.tree.root.closed = true;
    place.placement.completeFrom(a, place);
    assertEquals([place.told, place.tree.root.completed, place.tree.find(1)], [
      ["a placed"],
      true,
      undefined,
    ]);
  });
});

Deno.test("Placement makes links last, and a link that cannot be made fails alone", async () => {
  await withPlace((place, folder) => {
    const a = place.directory(place.tree.root, "a", 1);
    place.placement.makeFresh(a);
    for (const text of ["one", "two"]) assertEquals(place.link(a, text), true);
    place.build(a, "file");
    place.settle(a);
    assertEquals(place.told, ["one not-permitted", "two placed", "a placed"]);
    assertEquals([folder.names("a"), Deno.readLinkSync(`${folder.path}/a/two`)], [["file", "two"], "tt"]);
  }, { faults: [{ method: "createLink", call: 1, error: refused }] });
});

Deno.test("Placement defers links of eight megabytes at most, and more when some have been made", async () => {
  await withPlace((place) => {
    const [few, many] = ["few", "many"].map((text) => place.directory(place.tree.root, text, 1)) as [
      TargetDirectory,
      TargetDirectory,
    ];
    place.placement.makeFresh(few);
    let deferred = 0;
    while (place.link(deferred < 3 ? few : many, "link", 4000)) deferred++;
    assertEquals(deferred, Math.floor(8 * 1024 * 1024 / (4000 + 4 + 256)));
    few.links.splice(0, 2);
    place.settle(few);
    assertEquals([place.link(many, "link", 4000), place.link(many, "link", 4000)], [true, false]);
  });
});

Deno.test("Placement ends the run when a fresh directory cannot be put into place", async () => {
  await withPlace((place) => {
    const a = place.directory(place.tree.root, "a", 1);
    place.placement.makeFresh(a);
    const error = assertThrows(() => place.settle(a), RcopyError) as RcopyError;
    assertEquals([error.code, error.cause], ["destination", refused]);
  }, { faults: [{ method: "rename", call: 1, error: refused }] });
});

Deno.test("Placement fails a directory alone whose mode or time cannot be set", async () => {
  await withPlace((place, folder) => {
    const a = place.directory(place.tree.root, "a", 1);
    place.placement.makeFresh(a);
    place.settle(a);
    assertEquals([place.told, visible(folder)], [["a not-permitted"], ["a"]]);
  }, { faults: [{ method: "setDirectoryMetadata", call: 1, error: refused }] });
});

Deno.test("Placement puts into place what is whole when the run is interrupted", async () => {
  await withPlace((place, folder) => {
    const a = place.directory(place.tree.root, "a", 2);
    place.placement.makeFresh(a);
    place.build(a, "file");
    place.link(a, "link");
    place.placement.publishWhatIsDone();
    assertEquals([visible(folder), folder.names("a")], [["a"], ["file", "link"]]);
  });
});

Deno.test("Placement waits for the disk once a file system", async () => {
  await withPlace(async (place, { calls }) => {
    await place.placement.sync();
    assertEquals([calls.syncFileSystem, place.placement.isDurable], [1, true]);
  }, { durable: true });
});

Deno.test("Placement removes the private areas of runs that died, but not in a dry run", async () => {
  await inFolder((folder) => {
    folder.write(".rcopy-0123/file");
    const tree = new TargetTree(folder.root as Directory, 0);
    new Placement(folder.engine, tree, { durable: false, dryRun: true }).close();
    assertEquals(folder.names(), [".rcopy-0123"]);
    new Placement(folder.engine, tree, { durable: false, dryRun: false }).close();
    assertEquals(folder.names(), []);
  });
});
