/** The last lines of a run, for people. Pure. */
import { formatBytes, formatCount, formatDuration, formatRate } from "../../base/units.ts";
import type {
  EntryFailure,
  StageTimes,
  TransferEvent,
  TransferSummary,
} from "../../transfer/session/events.ts";

/** Names that are shown of what failed. */
export const failuresShownMax = 20;

/** One line: files, bytes, time, mean rate, bytes on the wire, skipped, failed, without mode or time, tree hash. */
export function renderSummary(summary: TransferSummary): string {
  return summary.dryRun ? renderPlan(summary) : renderCopy(summary);
}

/** Of a dry run: what a copy would do, at both ends. */
function renderPlan(summary: TransferSummary): string {
  const { bytes, replaced, skipped, compared, differing = 0, failed } = summary;
  const parts = [
    `would copy ${entriesOf(summary)}`,
    formatBytes(bytes),
    replaced > 0 ? `${formatCount(replaced)} of them in the place of others` : "",
    skipped > 0 ? `${formatCount(skipped)} skipped, as they are there already` : "",
    compared > 0 ? `${counted(compared, "file")} compared, ${formatCount(differing)} of them different` : "",
    failed > 0 ? `${formatCount(failed)} would fail` : "",
  ];
  return `${joined(parts)}; nothing was written`;
}

function renderCopy(summary: TransferSummary): string {
  const {
    bytes,
    keptBytes,
    matchedBytes,
    elapsedMs,
    wireBytes,
    skipped,
    compared,
    failed,
    grown,
    lacking,
    replaced,
    treeHash = "",
  } = summary;
  const verb = summary.role === "sender" ? "sent" : "received";
  const parts = [
    `${verb} ${entriesOf(summary)}`,
    `${formatBytes(bytes)} in ${formatDuration(elapsedMs)} (${
      formatRate(Math.max(0, bytes - keptBytes - matchedBytes) / elapsedMs * 1000)
    })`,
    keptBytes > 0 ? `${formatBytes(keptBytes)} kept from an earlier run` : "",
    matchedBytes > 0 ? `${formatBytes(matchedBytes)} taken from older versions there` : "",
    `${formatBytes(wireBytes)} on the wire${
      summary.forwarded ? " through ssh, as no direct connection could be made" : ""
    }`,
    replaced > 0 ? `${formatCount(replaced)} replaced` : "",
    skipped > 0 ? `${formatCount(skipped)} skipped` : "",
    compared > 0 ? `${counted(compared, "file")} compared` : "",
    failed > 0 ? `${formatCount(failed)} failed` : "",
    grown > 0 ? `${formatCount(grown)} growing` : "",
    lacking > 0 ? `${formatCount(lacking)} without mode or time, which the file system does not keep` : "",
    `tree hash ${treeHash}`,
  ];
  return joined(parts);
}

function entriesOf({ files, directories, links }: TransferSummary): string {
  return joined([
    counted(files, "file"),
    directories > 0 ? counted(directories, "directory", "directories") : "",
    links > 0 ? counted(links, "link") : "",
  ]);
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(", ");
}

/** A row of the list that a dry run gives: what would become of the entry, its kind, its size, its path. */
export function renderPlanned({ kind, size, path, replaces }: TransferEvent & { type: "planned" }): string {
  return `${replaces ? "replace" : "new"}\t${kind}\t${kind === "file" ? formatBytes(size) : "-"}\t${path}`;
}

/** The names of what failed, with the reason, and how many more there are. `listed` are the first of them. */
export function renderFailures(listed: readonly EntryFailure[], count: number): string[] {
  const lines = listed.slice(0, failuresShownMax).map(({ path, message, code }) =>
    `${code === "grown" ? "copied as it was" : "not copied"}: ${path}: ${message}`
  );
  const more = count - lines.length;
  if (more > 0) lines.push(`not copied: ${formatCount(more)} more`);
  return lines;
}

/** The names of what was replaced, and how many more there are. `listed` are the first of them. */
export function renderReplaced(listed: readonly string[], count: number): string[] {
  const lines = listed.map((path) => `replaced: ${path}`);
  const more = count - lines.length;
  if (more > 0 && lines.length > 0) lines.push(`replaced: ${formatCount(more)} more`);
  return lines;
}

/** The stages that took any time, in the order of the data. */
export function describeStages(times: StageTimes): string {
  const parts = Object.entries(times).filter(([, { busyMs, waitingMs }]) => busyMs + waitingMs > 0).map(
    ([name, { busyMs, waitingMs }]) =>
      waitingMs > 0 ? `${name} ${busyMs} + ${waitingMs} ms waiting` : `${name} ${busyMs} ms`,
  );
  return `time by stage, over all lanes: ${parts.join(", ")}`;
}

function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
