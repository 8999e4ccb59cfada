/** Files that decide about trust: read only if no other user could have written them (sshd's StrictModes). */
import { RcopyError } from "../../base/errors.ts";
import { showText } from "../../base/show.ts";

/** What came of reading a file. */
export type FileReading =
  | { state: "read"; text: string }
  | { state: "absent" }
  /** It could not be looked at, or others could have written it: the reason, to be shown. */
  | { state: "refused"; reason: string };

/** How far a file is looked into. */
export interface TrustedFileOptions {
  bytesMax: number;
  /** User of this process; the file must be theirs or root's. `undefined` where Deno does not tell: then only root's will do. */
  uid: number | undefined;
  /** The folders from the file up to this one are looked at, as sshd does; `undefined` for none, only the file itself. */
  upTo?: string;
}

const groupOrOthersWrite = 0o022;

/** The text of a file, unless another user than its owner or root could have written it. */
export async function readTrustedFile(path: string, options: TrustedFileOptions): Promise<FileReading> {
  try {
    const realPath = await Deno.realPath(path);
    using file = await Deno.open(realPath, { read: true });
    const stat = await file.stat();
    if (!stat.isFile) return refused(path, "it is no regular file");
    const problem = problemOf(stat, options.uid) ?? await problemAbove(realPath, options);
    if (problem !== undefined) return refused(path, problem);
    if (stat.size > options.bytesMax) return refused(path, `it has more than ${options.bytesMax} bytes`);
    return { state: "read", text: await readText(file, options.bytesMax) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return { state: "absent" };
    }
    if (error instanceof Deno.errors.NotCapable) {
      return refused(path, `Deno may not read it; add --allow-read=${path}`);
    }
    if (error instanceof RcopyError) return refused(path, error.message);
    return refused(path, error instanceof Error ? error.message : String(error));
  }
}

/** The text of a file that may have any owner, such as `known_hosts` and public keys. */
export async function readAnyFile(path: string, bytesMax: number): Promise<FileReading> {
  try {
    using file = await Deno.open(path, { read: true });
    if (!(await file.stat()).isFile) return refused(path, "it is no regular file");
    return { state: "read", text: await readText(file, bytesMax) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return { state: "absent" };
    }
    if (error instanceof Deno.errors.NotCapable) {
      return refused(path, `Deno may not read it; add --allow-read=${path}`);
    }
    return refused(path, error instanceof Error ? error.message : String(error));
  }
}

function refused(path: string, reason: string): FileReading {
  return { state: "refused", reason: `cannot use ${showText(path)}: ${showText(reason)}` };
}

/** Why a file or folder is not to be trusted. */
function problemOf(stat: Deno.FileInfo, uid: number | undefined): string | undefined {
  if (stat.uid !== 0 && stat.uid !== uid) return `its owner is user ${stat.uid}, neither you nor root`;
  if (((stat.mode ?? 0) & groupOrOthersWrite) !== 0) {
    return `others may write to it (mode ${((stat.mode ?? 0) & 0o7777).toString(8)}); use: chmod go-w`;
  }
  return undefined;
}

async function problemAbove(
  realPath: string,
  { uid, upTo }: TrustedFileOptions,
): Promise<string | undefined> {
  if (upTo === undefined) return undefined;
  const last = await Deno.realPath(upTo);
  for (let folder = parentOf(realPath);; folder = parentOf(folder)) {
    const problem = problemOf(await Deno.stat(folder), uid);
    if (problem !== undefined) return `of its folder ${folder}: ${problem} ${folder}`;
    if (folder === last || folder === "/") return undefined;
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

/** Bytes that are not UTF-8 become the character that stands for them, which no key has. */
async function readText(file: Deno.FsFile, bytesMax: number): Promise<string> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(64 * 1024);
  let text = "";
  let bytes = 0;
  for (let count; (count = await file.read(chunk)) !== null;) {
    bytes += count;
    if (bytes > bytesMax) throw new RcopyError("refused", `it has more than ${bytesMax} bytes`);
    text += decoder.decode(chunk.subarray(0, count), { stream: true });
  }
  return text + decoder.decode();
}
