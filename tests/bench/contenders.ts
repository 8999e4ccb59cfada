/**
 * The programs that a comparison runs: each copies the contents of a directory into another, over loopback
 * where it uses a network.
 */
import { compileStages } from "./ceiling.ts";
import type { OurContender, PeerContender, PeerPlaces } from "./contender.ts";
import { originalPath, whyNotOriginal } from "./original.ts";

const port = 45_871;

/** Waits until somebody listens: the timed part begins with the receiving end. */
const waitForPort = `until ss -ltn | grep -q ":${port} "; do sleep 0.01; done`;

/** Ours, in the order of the table; what ratios are of comes first. */
export const ours: readonly OurContender[] = [
  { name: "rcopy --io uring", needs: [], io: "uring", channel: "plain", form: "built" },
  { name: "rcopy --io deno", needs: [], io: "deno", channel: "plain", form: "built" },
  { name: "rcopy encrypted", needs: [], io: "auto", channel: "ticket", form: "built" },
  { name: "rcopy, modules", needs: [], io: "auto", channel: "plain", form: "modules" },
];

/** A path as one word of a shell. */
function quoted(path: string): string {
  return `'${path.replaceAll("'", "'\\''")}'`;
}

/** Waits for a condition as long as the process of `$sender` lives. */
function waitFor(condition: string): string {
  return `until ${condition}; do kill -0 $sender || exit 1; sleep 0.01; done`;
}

const stagesOf = ({ folder }: PeerPlaces) => `${folder}/ceiling`;

/** Read, send, receive and write by two processes in C: what a copy takes at least. */
function chain(name: string, blockBytes: number): PeerContender {
  return {
    name: `C chain ${name}`,
    needs: ["cc"],
    singleFile: true,
    script: (places) => `${quoted(stagesOf(places))} chain "$1/big" "$2/big" ${blockBytes} > "$3/seconds"`,
    async prepare(places) {
      await compileStages(places.folder);
      return undefined;
    },
  };
}

export const peers: readonly PeerContender[] = [
  { name: "cp -r", needs: ["cp"], script: () => `cp -r "$1/." "$2"` },
  {
    name: "nc",
    needs: ["nc", "ss"],
    singleFile: true,
    script: () =>
      `nc -l 127.0.0.1 ${port} > "$2/big" & ${waitForPort}; nc -N 127.0.0.1 ${port} < "$1/big"; wait`,
  },
  {
    name: "tar | nc | tar",
    needs: ["nc", "tar", "ss"],
    script: () =>
      `(nc -l 127.0.0.1 ${port} | tar xf - -C "$2") & ${waitForPort}; tar cf - -C "$1" . | nc -N 127.0.0.1 ${port}; wait`,
  },
  {
    name: "tar | zstd | nc",
    needs: ["nc", "tar", "zstd", "ss"],
    script: () =>
      `(nc -l 127.0.0.1 ${port} | zstd -dq | tar xf - -C "$2") & ${waitForPort}; ` +
      `tar cf - -C "$1" . | zstd -1q | nc -N 127.0.0.1 ${port}; wait`,
  },
  {
    name: "rsync daemon",
    needs: ["rsync"],
    server: "rsync",
    script: ({ rsyncPort }) => `rsync -a "$1/" "rsync://127.0.0.1:${rsyncPort}/target/$(basename "$2")/"`,
  },
  {
    name: "rsync over ssh",
    needs: ["rsync", "sshd"],
    server: "sshd",
    script: ({ ssh }) => `rsync -a -e "${ssh}" "$1/" "127.0.0.1:$2/"`,
  },
  {
    name: "scp -r",
    needs: ["scp", "sshd"],
    server: "sshd",
    script: ({ sshOptions, sshPort }) => `scp -q -r -p ${sshOptions} -P ${sshPort} "$1/." "127.0.0.1:$2"`,
  },
  {
    name: "sftp",
    needs: ["sftp", "sshd"],
    server: "sshd",
    script: ({ sshOptions, sshPort }) =>
      `echo "put -r $1/. $2" | sftp -q -b - ${sshOptions} -P ${sshPort} 127.0.0.1 > /dev/null`,
  },
  {
    name: "rclone sftp",
    needs: ["rclone", "sshd"],
    server: "sshd",
    // Without the check it is many times faster: it starts a shell and a program for each file to hash it
    // again.
    script: ({ sshPort, keyFile }) =>
      `rclone copy -q --links --sftp-disable-hashcheck "$1" ` +
      `":sftp,host=127.0.0.1,port=${sshPort},user=root,key_file=${keyFile}:$2"`,
  },
  chain("256 KiB", 256 * 1024),
  chain("1 MiB", 1024 * 1024),
  chain("4 MiB", 4 * 1024 * 1024),
  {
    name: "original rcopy",
    needs: ["ss"],
    senderListens: true,
    prepare: () => whyNotOriginal(originalPath()),
    // It opens all files at once, and would wait for ever where it may not.
    script: () =>
      `rcopy=${quoted(originalPath())}; ulimit -n "$(ulimit -Hn)"; files=$(find "$1" -type f | wc -l); ` +
      `if [ "$((files + 64))" -gt "$(ulimit -n)" ]; then ` +
      `echo "it opens $files files at once, and $(ulimit -n) is the limit here" >&2; exit 1; fi; ` +
      `"$rcopy" -q send -l -p ${port} "$1" & sender=$!; ` +
      waitFor(`ss -ltn | grep -q ":${port} "`) +
      `; echo ready; "$rcopy" -q receive -a 127.0.0.1:${port} "$2" && wait $sender`,
  },
  {
    name: "croc",
    needs: ["croc", "ss", "unshare", "ip"],
    senderListens: true,
    isolated: true,
    keepsName: true,
    // The log of the relay says when the sender waits in its room.
    script: () =>
      `export HOME="$3" CROC_SECRET=4827-quiet-bench-river; cd "$3"; ` +
      `croc --debug relay --host 127.0.0.1 > relay 2>&1 & relay=$!; sender=$relay; ` +
      waitFor(`ss -ltn | grep -q ":9013 "`) +
      `; croc --ignore-stdin --disable-clipboard --relay 127.0.0.1:9009 send --no-local "$1" > sent 2>&1 & sender=$!; ` +
      waitFor(`grep -q "room .* has 1" relay`) +
      `; echo ready; croc --yes --overwrite --ignore-stdin --relay 127.0.0.1:9009 --ip 127.0.0.1:9009 --out "$2" > received 2>&1 & ` +
      // One end may wait for ever after the other has ended.
      `receiver=$!; wait -n $sender $receiver; (sleep 10; kill $sender $receiver) > alarm 2>&1 & alarm=$!; ` +
      `wait $receiver; received=$?; wait $sender; sent=$?; kill $alarm $relay; wait $relay; ` +
      `[ $sent = 0 ] && [ $received = 0 ] || { tail -qc 300 sent received >&2; exit 1; }`,
  },
  {
    name: "sendme",
    needs: ["sendme", "unshare", "ip"],
    senderListens: true,
    isolated: true,
    keepsName: true,
    // Its sender serves until it is stopped; it is waited for, so that its processor seconds count.
    script: () =>
      `export HOME="$3"; cd "$3"; sendme send --relay disabled --no-progress "$1" > sent 2>&1 & sender=$!; ` +
      waitFor(`grep -q "^sendme receive" sent`) +
      `; echo ready; cd "$2"; sendme receive --relay disabled --no-progress "$(sed -n 's/^sendme receive //p' "$3/sent")" > "$3/received" 2>&1; ` +
      `status=$?; kill -9 $sender; wait $sender; [ $status = 0 ] || tail -c 300 "$3/received" >&2; exit $status`,
  },
];
