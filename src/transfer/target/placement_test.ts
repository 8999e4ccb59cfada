import { assertEquals, assertThrows } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { parseEntryName } from "../../entry/name.ts";
import { temporaryName } from "../../entry/temporary_name.ts";
import type { EntryLookup } from "../../io/contract/engine.ts";
import { bytesOf, type EngineFolder, inFolder, textOf } from "../../../tests/helpers/transfer_parts.ts";
import type { Fault } from "../../../tests/helpers/fault_engine.ts";
import { Placement } from "./placement.ts";
import type { Placed } from "./settlement.ts";
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

  placeHeld(held: HeldTarget, { lacks }: Placed): void {
    this.told.push(`${textOf(held.name)} placed${lacks ? `, lacking ${lacks}` : ""}`);
  }

  keepHeld(held: HeldTarget): void {
    this.told.push(`${textOf(held.name)} kept`);
  }

  failHeld(held: HeldTarget, error: RcopyError): void {
    this.told.push(`${textOf(held.name)} ${error.code}`);
  }

  hashOfLink(): Uint8Array {
    return new Uint8Array(16);
  }

  /** A directory that the manifest has announced and closed, with so many entries to wait for. */
  directory(parent: TargetDirectory, text: string, pending: number, mode = 0o750): TargetDirectory {
    const directory = this.tree.announce({ parent, name: name(text), mode, mtime });
    directory.held = this.held(directory, parent, EntryKind.directory);
    directory.closed = true;
    directory.pending = pending;
    parent.pending++;
    return directory;
  }

  held({ name }: { name: HeldTarget["name"] }, directory: TargetDirectory, kind: EntryKind): HeldTarget {
    return { batch: 0, entry: 0, kind, mode: 0o750, size: 0, mtime, directory, name };
  }

  found(text: string): EntryLookup {
    return this.#folder.engine.lookup(this.#folder.root, [name(text)])[0] as EntryLookup;
  }

  open(directory: TargetDirectory): void {
    this.placement.openExisting(directory, this.found(textOf(directory.name)));
  }

  /** Creates a small file in a directory, as a lane does. */
  file(directory: TargetDirectory, text: string): void {
    const atOnce = directory.origin === "fresh";
    const write = {
      directory: directory.handle!,
      name: name(text),
      atOnce,
      mode: 0o644,
      mtime,
      offset: 0,
      size: text.length,
    };
    this.#folder.engine.createFiles([write], bytesOf(text)).finish();
    this.placement.hasPlaced(directory, write.name);
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
    const left = folder.names().filter((found) => found.startsWith(".rcopy-"));
    assertEquals(left, [], "nothing of rcopy's own is left");
  }, faults);
}

const refused = new RcopyError("not-permitted", "says the test");
const modeOf = ({ path }: EngineFolder, entry: string) => Deno.lstatSync(`${path}/${entry}`).mode! & 0o7777;

Deno.test("Placement makes a directory where it belongs, and gives it mode and time when everything in it is there", async () => {
  await withPlace((place, folder) => {
    const a = place.directory(place.tree.root, "a", 1, 0o550);
    place.placement.makeFresh(a);
    const b = place.directory(a, "b", 1, 0o555);
    place.placement.makeFresh(b);
    a.pending--; // the announcement counts b already
    place.file(b, "file");
    assertEquals([folder.names("a/b"), modeOf(folder, "a"), modeOf(folder, "a/b")], [["file"], 0o750, 0o755]);
    place.settle(b);
    assertEquals(place.told, ["b placed", "a placed"]);
    assertEquals([modeOf(folder, "a"), modeOf(folder, "a/b")], [0o550, 0o555]);
    for (const path of ["a", "a/b"]) {
      assertEquals(Deno.statSync(`${folder.path}/${path}`).mtime!.getTime(), mtime.seconds * 1000);
    }
  });
});

Deno.test("Placement leaves the sticky and set-id bits of a directory that was there before", async () => {
  await withPlace((place, folder) => {
    folder.write("a/old");
    Deno.chmodSync(`${folder.path}/a`, 0o3777);
    const a = place.directory(place.tree.root, "a", 1);
    place.open(a);
    place.settle(a);
    assertEquals([folder.names("a"), place.told, modeOf(folder, "a")], [["old"], ["a placed"], 0o3750]);
  });
});

Deno.test("Placement does not loosen a directory that others may have put there, and says so", async () => {
  await withPlace((place, folder) => {
    folder.write("shared/a/old");
    Deno.chmodSync(`${folder.path}/shared`, 0o1777);
    Deno.chmodSync(`${folder.path}/shared/a`, 0o700);
    const shared = place.directory(place.tree.root, "shared", 1, 0o1777);
    place.open(shared);
    const a = place.directory(shared, "a", 1, 0o755);
    shared.pending--;
    const [found] = folder.engine.lookup(shared.handle!, [name("a")]);
    place.placement.openExisting(a, found as EntryLookup);
    place.settle(a);
    assertEquals([place.told[0], modeOf(folder, "shared/a")], ["a placed, lacking 1", 0o700]);
  });
});

Deno.test("Placement opens a directory that another run made meanwhile, and fails what is none", async () => {
  await withPlace((place, folder) => {
    const [a, b] = ["a", "b"].map((text) => place.directory(place.tree.root, text, 1)) as [
      TargetDirectory,
      TargetDirectory,
    ];
    folder.write("a/theirs");
    folder.write("b", "a file");
    place.placement.makeFresh(a);
    assertEquals(a.origin, "existing");
    const error = assertThrows(() => place.placement.makeFresh(b), RcopyError) as RcopyError;
    assertEquals([error.code, Deno.readTextFileSync(`${folder.path}/b`)], ["exists", "a file"]);
    place.settle(a);
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
    place.file(a, "file");
    assertEquals(folder.names("a"), ["file"]);
    place.settle(a);
    assertEquals(place.told, ["one not-permitted", "two placed", "a placed"]);
    assertEquals([folder.names("a"), Deno.readLinkSync(`${folder.path}/a/two`)], [["file", "two"], "tt"]);
  }, { faults: [{ method: "createLink", call: 1, error: refused }] });
});

Deno.test("Placement replaces by a link only what was seen there, and leaves no temporary link", async () => {
  for (const isChanged of [false, true]) {
    await withPlace((place, folder) => {
      folder.write("link", "old");
      // Somebody's own, under the name that the link would have for the moment.
      folder.write(textOf(temporaryName(name("link"))), "theirs");
      const held = place.held({ name: name("link") }, place.tree.root, EntryKind.link);
      held.replaces = place.found("link");
      if (isChanged) folder.write("link", "changed");
      const make = () => place.placement.makeLink({ held, text: bytesOf("to") });
      if (isChanged) {
        assertEquals((assertThrows(make, RcopyError) as RcopyError).code, "exists");
        assertEquals(Deno.readTextFileSync(`${folder.path}/link`), "changed");
      } else {
        make();
        assertEquals(Deno.readLinkSync(`${folder.path}/link`), "to");
      }
      const theirs = `${folder.path}/${textOf(temporaryName(name("link")))}`;
      assertEquals([folder.names().length, Deno.readTextFileSync(theirs)], [2, "theirs"]);
      Deno.removeSync(theirs);
    });
  }
});

Deno.test("Placement takes a link that another copy has made meanwhile for made, if it has the same text", async () => {
  await withPlace((place, folder) => {
    const held = place.held({ name: name("link") }, place.tree.root, EntryKind.link);
    Deno.symlinkSync("to", `${folder.path}/link`);
    assertEquals(place.placement.makeLink({ held, text: bytesOf("to") }), 0);
    const another = () => place.placement.makeLink({ held, text: bytesOf("elsewhere") });
    assertEquals((assertThrows(another, RcopyError) as RcopyError).code, "exists");
    assertEquals(Deno.readLinkSync(`${folder.path}/link`), "to");
    Deno.removeSync(`${folder.path}/link`);
    folder.write("link", "a file");
    const overFile = () => place.placement.makeLink({ held, text: bytesOf("to") });
    assertEquals((assertThrows(overFile, RcopyError) as RcopyError).code, "exists");
  });
});

Deno.test("Placement makes a link again that a killed run left under its temporary name", async () => {
  await withPlace((place, folder) => {
    folder.write("link", "old");
    Deno.symlinkSync("to", `${folder.path}/${textOf(temporaryName(name("link")))}`);
    const held = place.held({ name: name("link") }, place.tree.root, EntryKind.link);
    held.replaces = place.found("link");
    place.placement.makeLink({ held, text: bytesOf("to") });
    assertEquals([folder.names(), Deno.readLinkSync(`${folder.path}/link`)], [["link"], "to"]);
  });
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
    few.links!.splice(0, 2);
    place.settle(few);
    assertEquals([place.link(many, "link", 4000), place.link(many, "link", 4000)], [true, false]);
  });
});

Deno.test("Placement fails a directory alone whose mode or time cannot be set", async () => {
  await withPlace((place, folder) => {
    const a = place.directory(place.tree.root, "a", 1);
    place.placement.makeFresh(a);
    place.settle(a);
    assertEquals([place.told, folder.names()], [["a not-permitted"], ["a"]]);
  }, { faults: [{ method: "setDirectoryMetadata", call: 1, error: refused }] });
});

Deno.test("Placement gives directories their modes and makes links when the run is interrupted", async () => {
  await withPlace((place, folder) => {
    const a = place.directory(place.tree.root, "a", 2, 0o510);
    place.placement.makeFresh(a);
    place.file(a, "file");
    place.link(a, "link");
    place.placement.settleWhatIsThere(place);
    assertEquals(place.told, ["link placed"]);
    assertEquals([folder.names("a"), modeOf(folder, "a")], [["file", "link"], 0o510]);
  });
});

Deno.test("Placement waits for the disk once a file system", async () => {
  await withPlace(async (place, { calls }) => {
    const a = place.directory(place.tree.root, "a", 1);
    place.placement.makeFresh(a);
    place.file(a, "file");
    place.placement.willWrite(a);
    place.settle(a);
    await place.placement.sync();
    assertEquals([calls.syncFileSystem, place.placement.isDurable], [1, true]);
  }, { durable: true });
});

Deno.test("Placement takes the time of what it placed, where the two ends disagree", async () => {
  await withPlace((place, folder) => {
    const a = place.directory(place.tree.root, "a", 1);
    place.placement.makeFresh(a);
    for (const text of ["one", "two"]) place.file(a, text);
    assertEquals(place.placement.distrust(), { files: 2, failed: 0 });
    assertEquals(Deno.statSync(`${folder.path}/a/one`).mtime!.getTime(), 0);
    place.settle(a);
  });
});

Deno.test("Placement knows a file that another run placed meanwhile, also where its time is kept by the second", async () => {
  await withPlace((place, folder) => {
    const { root } = place.tree;
    const wanted = { size: 3, mtime: { seconds: 1_600_000_001, nanos: 123_456_789 } };
    const isThere = (seconds: number, content = "abc") => {
      folder.write("file", content);
      Deno.utimeSync(`${folder.path}/file`, seconds, seconds);
      return place.placement.isThereAlready(root, name("file"), wanted);
    };
    assertEquals([isThere(1_600_000_001), isThere(1_600_000_002), isThere(1_600_000_001, "abcd")], [
      true,
      false,
      false,
    ]);
    Deno.removeSync(`${folder.path}/file`);
    assertEquals(place.placement.isThereAlready(root, name("file"), wanted), false);
  });
});
