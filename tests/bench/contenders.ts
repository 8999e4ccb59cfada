/**
 * The programs that a comparison runs: each copies the contents of a directory into another, over loopback
 * where it uses a network.
 */
import type { OurChannel } from "./our_copy.ts";
import type { PeerServers, ServerName } from "./servers.ts";

/** One program. */
interface Program {
  name: string;
  /** Programs that it needs. */
  needs: string[];
  /** Whether it moves the data through a connection. */
  isRemote: boolean;
}

/** Somebody else's, and how it copies. */
export interface PeerContender extends Program {
  /** A shell script: `$1` is the source directory, `$2` the empty target. Timed from its start to its end. */
  script(servers: PeerServers): string;
  /** Only for works of one file. */
  singleFile?: boolean;
  /** The server that serves it, whose time and memory count too. */
  server?: ServerName;
}

/** Ours: two processes that are started and measured here. */
export interface OurContender extends Program {
  io: "uring" | "deno" | "auto";
  channel: OurChannel;
}

export type Contender = PeerContender | OurContender;

export function isOurs(contender: Contender): contender is OurContender {
  return "io" in contender;
}

const port = 45_871;

/** Waits until somebody listens: the timed part begins with the receiving end. */
const waitForPort = `until ss -ltn | grep -q ":${port} "; do sleep 0.01; done`;

/** Ours, in the order of the table; what ratios are of comes first. */
export const ours: readonly OurContender[] = [
  { name: "rcopy --io uring", needs: [], isRemote: true, io: "uring", channel: "plain" },
  { name: "rcopy --io deno", needs: [], isRemote: true, io: "deno", channel: "plain" },
  { name: "rcopy encrypted", needs: [], isRemote: true, io: "auto", channel: "ticket" },
];

export const peers: readonly PeerContender[] = [
  { name: "cp -r", needs: ["cp"], isRemote: false, script: () => `cp -r "$1/." "$2"` },
  {
    name: "nc",
    needs: ["nc", "ss"],
    isRemote: true,
    singleFile: true,
    script: () =>
      `nc -l 127.0.0.1 ${port} > "$2/big" & ${waitForPort}; nc -N 127.0.0.1 ${port} < "$1/big"; wait`,
  },
  {
    name: "tar | nc | tar",
    needs: ["nc", "tar", "ss"],
    isRemote: true,
    script: () =>
      `(nc -l 127.0.0.1 ${port} | tar xf - -C "$2") & ${waitForPort}; tar cf - -C "$1" . | nc -N 127.0.0.1 ${port}; wait`,
  },
  {
    name: "tar | zstd | nc",
    needs: ["nc", "tar", "zstd", "ss"],
    isRemote: true,
    script: () =>
      `(nc -l 127.0.0.1 ${port} | zstd -dq | tar xf - -C "$2") & ${waitForPort}; ` +
      `tar cf - -C "$1" . | zstd -1q | nc -N 127.0.0.1 ${port}; wait`,
  },
  {
    name: "rsync daemon",
    needs: ["rsync"],
    server: "rsync",
    isRemote: true,
    script: ({ rsyncPort }) => `rsync -a "$1/" "rsync://127.0.0.1:${rsyncPort}/target/$(basename "$2")/"`,
  },
  {
    name: "rsync over ssh",
    needs: ["rsync", "sshd"],
    server: "sshd",
    isRemote: true,
    script: ({ ssh }) => `rsync -a -e "${ssh}" "$1/" "127.0.0.1:$2/"`,
  },
  {
    name: "scp -r",
    needs: ["scp", "sshd"],
    server: "sshd",
    isRemote: true,
    script: ({ sshOptions, sshPort }) => `scp -q -r -p ${sshOptions} -P ${sshPort} "$1/." "127.0.0.1:$2"`,
  },
  {
    name: "sftp",
    needs: ["sftp", "sshd"],
    server: "sshd",
    isRemote: true,
    script: ({ sshOptions, sshPort }) =>
      `echo "put -r $1/. $2" | sftp -q -b - ${sshOptions} -P ${sshPort} 127.0.0.1 > /dev/null`,
  },
  {
    name: "rclone sftp",
    needs: ["rclone", "sshd"],
    server: "sshd",
    isRemote: true,
    // Without the check it is many times faster: it starts a shell and a program for each file to hash it
    // again.
    script: ({ sshPort, keyFile }) =>
      `rclone copy -q --links --sftp-disable-hashcheck "$1" ` +
      `":sftp,host=127.0.0.1,port=${sshPort},user=root,key_file=${keyFile}:$2"`,
  },
];
