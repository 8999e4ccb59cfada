/** The programs that a comparison runs: each copies the contents of a directory into another, over loopback where it uses a network. */
import type { PeerServers } from "./servers.ts";

/** One program and how it copies. */
export interface Contender {
  name: string;
  /** Programs that it needs. */
  needs: string[];
  /** Whether it moves the data through a connection. */
  isRemote: boolean;
  /** A shell script: `$1` is the source directory, `$2` the empty target. Timed from its start to its end. */
  script(servers: PeerServers): string;
  /** Only for works of one file. */
  singleFile?: boolean;
}

const port = 45_871;

/** Waits until somebody listens: the timed part begins with the receiving end. */
const waitForPort = `until ss -ltn | grep -q ":${port} "; do sleep 0.01; done`;

const main = new URL("../../src/main.ts", import.meta.url).pathname;

function rcopy(io: "uring" | "deno"): Contender {
  const deno = `"${Deno.execPath()}" run -A "${main}"`;
  return {
    name: `rcopy --io ${io}`,
    needs: [],
    isRemote: true,
    script: () => `${deno} receive -q --insecure --io ${io} -a 127.0.0.1:${port} "$2"`,
  };
}

/** Ours, in the order of the table. */
export const ours: readonly Contender[] = [rcopy("uring"), rcopy("deno")];

/** Starts the sender of ours, and waits until it listens; before the clock starts. */
export function senderOf(contender: Contender, source: string): Deno.Command {
  const io = contender.name.split(" ").at(-1)!;
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "send", "-q", "--insecure", "-l", "-p", String(port), "--io", io, source],
    stdout: "piped",
    stderr: "null",
  });
}

export const peers: readonly Contender[] = [
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
    isRemote: true,
    script: ({ rsyncPort }) => `rsync -a "$1/" "rsync://127.0.0.1:${rsyncPort}/target/$(basename "$2")/"`,
  },
  {
    name: "rsync over ssh",
    needs: ["rsync", "sshd"],
    isRemote: true,
    script: ({ ssh }) => `rsync -a -e "${ssh}" "$1/" "127.0.0.1:$2/"`,
  },
  {
    name: "scp -r",
    needs: ["scp", "sshd"],
    isRemote: true,
    script: ({ sshOptions, sshPort }) => `scp -q -r -p ${sshOptions} -P ${sshPort} "$1/." "127.0.0.1:$2"`,
  },
  {
    name: "sftp",
    needs: ["sftp", "sshd"],
    isRemote: true,
    script: ({ sshOptions, sshPort }) =>
      `echo "put -r $1/. $2" | sftp -q -b - ${sshOptions} -P ${sshPort} 127.0.0.1 > /dev/null`,
  },
  {
    name: "rclone sftp",
    needs: ["rclone", "sshd"],
    isRemote: true,
    script: ({ sshPort, keyFile }) =>
      `rclone copy -q --links "$1" ":sftp,host=127.0.0.1,port=${sshPort},user=root,key_file=${keyFile}:$2"`,
  },
];
