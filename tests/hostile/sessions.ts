/** The real program against a peer of ours: started, watched, and what is around its folders compared afterwards. */
import { assert, assertEquals } from "@std/assert";
import { type Outcome, type RcopyProcess, startReceiver, startSender } from "../helpers/rcopy_process.ts";
import { withFolder } from "../helpers/test_folder.ts";
import { makeCanary } from "../helpers/tree_record.ts";
import { type Fetched, fetchTruly, HostileReceiver } from "./hostile_receiver.ts";
import { HostileSender } from "./hostile_sender.ts";

/** More than either program takes for the trees of these tests, and far less than what their peers announce. */
export const residentMax = 448 * 1024 * 1024;

/**
 * A sender announces what it has found after a fraction of a second of scanning, so that on a busy machine a tree of five
 * entries may come in two batches. Attacks that name entries of the one batch have nothing to aim at then.
 */
export class SplitListing extends Error {}

/** How the program ended that had to do with a hostile sender. */
export interface Reception extends Outcome {
  /** Code of the close that it said last; `undefined` if it said none. */
  code: number | undefined;
  /** Most memory that it was seen to take, in bytes. */
  resident: number;
}

export interface ReceptionOptions {
  io?: "deno" | "uring" | "auto";
  /** Further options of `rcopy receive`. */
  receive?: readonly string[];
  /** Makes what is there before; the destination is `<folder>/target`, the canary `<folder>/canary`. */
  prepare?: (folder: string) => Promise<void>;
  /** Looks at the destination when all is over. */
  after?: (folder: string, reception: Reception) => Promise<void> | void;
}

/**
 * Runs `rcopy receive` against a hostile sender, which `body` makes do something. Afterwards nothing but the destination
 * may have changed, and the program may neither have taken more than its memory nor have fallen over.
 */
export async function attackReceiver(
  body: (peer: HostileSender, program: RcopyProcess) => Promise<void>,
  options: ReceptionOptions = {},
): Promise<Reception> {
  let reception: Reception | undefined;
  await withFolder(async (folder) => {
    await makeCanary(`${folder}/canary`);
    await options.prepare?.(folder);
    const around = recordOutside(folder);
    await using peer = new HostileSender();
    const receive = ["--io", options.io ?? "auto", "--patience", "0s", ...options.receive ?? []];
    const paths = { source: "", target: `${folder}/target`, receive };
    await using program = startReceiver(paths, peer.address);
    const watch = new MemoryWatch(program.pid);
    await body(peer, program);
    const code = await peer.control.closeCode().catch(() => undefined);
    peer.hangUp();
    const outcome = await program.end();
    reception = { ...outcome, code, resident: watch.stop() };
    assertEquals(recordOutside(folder), around, "nothing but the destination may change");
    assertStandsUp(reception);
    await options.after?.(folder, reception);
  });
  return reception!;
}

/** All in a folder besides the destination, an entry a line. Without a process, as there are hundreds of attacks. */
function recordOutside(folder: string, below = ""): string[] {
  return [...Deno.readDirSync(`${folder}/${below}`)].filter(({ name }) => below + name !== "target")
    .flatMap(({ name, isDirectory, isFile, isSymlink }) => {
      const path = below + name;
      const { mode, mtime, size } = Deno.lstatSync(`${folder}/${path}`);
      const content = isFile
        ? Deno.readFileSync(`${folder}/${path}`).toBase64()
        : isSymlink
        ? Deno.readLinkSync(`${folder}/${path}`)
        : "";
      const line = [path, mode, mtime?.getTime(), isDirectory ? "" : size, content].join(" ");
      return [line, ...(isDirectory ? recordOutside(folder, `${path}/`) : [])];
    }).sort();
}

/** No fault of its own, no rejection that nobody handled, no more memory than allowed. */
export function assertStandsUp({ status, stderr, stdout, resident }: Reception): void {
  const said = `${stdout}${stderr}`;
  assert(!/internal fault|Uncaught|unhandled|assertion failed|panicked/.test(said), said);
  assert(status !== 1 || /disagree|the peer ended the session/.test(said), `status ${status}: ${said}`);
  assert(resident < residentMax, `${resident} bytes resident`);
}

/** A real sender that serves many hostile receivers, one after the other. */
export class Victim implements AsyncDisposable {
  readonly address: string;
  readonly program: RcopyProcess;
  readonly #watch: MemoryWatch;
  #stopped: Promise<Reception> | undefined;

  private constructor(program: RcopyProcess, address: string) {
    this.program = program;
    this.address = address;
    this.#watch = new MemoryWatch(program.pid);
  }

  static async serve(source: string, send: readonly string[] = ["--keep"]): Promise<Victim> {
    const { sender, address } = await startSender({ source, target: "", send });
    return new Victim(sender, address);
  }

  /**
   * A session with a hostile receiver that has performed the handshake truly; gives the code of the close that followed.
   * Begins again where the tree came in parts, see {@linkcode SplitListing}.
   */
  async attack(
    body: (peer: HostileReceiver) => Promise<void>,
    hello: Parameters<HostileReceiver["shakeHands"]>[0] = {},
  ): Promise<number | undefined> {
    for (;;) {
      try {
        return await this.#attackOnce(body, hello);
      } catch (error) {
        if (!(error instanceof SplitListing)) throw error;
      }
    }
  }

  async #attackOnce(
    body: (peer: HostileReceiver) => Promise<void>,
    hello: Parameters<HostileReceiver["shakeHands"]>[0],
  ): Promise<number | undefined> {
    using peer = new HostileReceiver(this.address);
    assert(await peer.shakeHands(hello), "the sender answered the hello");
    // A sender whose data nobody reads would wait for its reader and not for control.
    const draining = peer.drain();
    await body(peer);
    const code = await peer.control.closeCode();
    peer[Symbol.dispose]();
    await draining;
    return code;
  }

  get descriptors(): number {
    return [...Deno.readDirSync(`/proc/${this.program.pid}/fd`)].length;
  }

  get resident(): number {
    return residentBytes(this.program.pid, "VmRSS") ?? 0;
  }

  /** A whole session as it should be: the sender is none the worse for what came before. */
  async serveTruly(hello: Parameters<HostileReceiver["shakeHands"]>[0] = {}): Promise<Fetched> {
    using peer = new HostileReceiver(this.address);
    assert(await peer.shakeHands(hello), "the sender answered the hello");
    const fetched = await fetchTruly(peer);
    assertEquals(fetched.code, 0);
    return fetched;
  }

  /** Stops it and checks that it did not fall over. */
  stop(): Promise<Reception> {
    return this.#stopped ??= this.#stop();
  }

  async #stop(): Promise<Reception> {
    const resident = this.#watch.stop();
    this.program.kill("SIGINT");
    const reception = { ...await this.program.end(), code: undefined, resident };
    assertEquals(reception.status, 130, reception.stderr);
    assertStandsUp(reception);
    return reception;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch.stop();
    await this.program[Symbol.asyncDispose]();
  }
}

/** Looks now and then at the most memory that a process has taken. */
export class MemoryWatch {
  #most = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(pid: number) {
    this.#timer = setInterval(() => {
      this.#most = Math.max(this.#most, residentBytes(pid, "VmHWM") ?? 0);
    }, 20);
  }

  /** Bytes. */
  stop(): number {
    clearInterval(this.#timer);
    return this.#most;
  }
}

/** A line of `/proc/<pid>/status` in bytes; `undefined` if the process is gone. */
export function residentBytes(pid: number, field: "VmRSS" | "VmHWM"): number | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0) * 1024;
  } catch {
    return undefined;
  }
}
