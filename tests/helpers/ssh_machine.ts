/** A machine that a real ssh reaches: this one, by a real sshd, with a rcopy of its own. */
import { RealSshd } from "./real_sshd.ts";
import { type Outcome, program, type RcopyOptions, RcopyProcess } from "./rcopy_process.ts";
import { makeSshKey } from "./ssh_keys.ts";
import { withFolder } from "./test_folder.ts";

export interface SshMachine {
  /** For everything that the test makes; its name has no blanks. */
  folder: string;
  sshd: RealSshd;
  /** For `--rsh`. */
  rsh: string;
  /** For `--remote-rcopy`. */
  remoteRcopy: string;
  /** Where it starts, as in a home. */
  home: string;
  /** `--rsh` and `--remote-rcopy` with both. */
  options: string[];
  run: (args: readonly string[], options?: RcopyOptions) => Promise<Outcome>;
}

export interface MachineOptions {
  /** Words that start the sshd, as in a namespace. */
  within?: readonly string[];
  /** Added to the words of ssh. */
  ssh?: readonly string[];
}

export async function withSshMachine(
  body: (machine: SshMachine) => Promise<void>,
  { within = [], ssh = [] }: MachineOptions = {},
): Promise<void> {
  await withFolder(async (folder) => {
    const place = `${folder}/sshd`;
    await Deno.mkdir(place, { mode: 0o700 });
    await makeSshKey(`${place}/host`);
    await makeSshKey(`${place}/user`);
    await Deno.copyFile(`${place}/user.pub`, `${place}/authorized_keys`);
    await using sshd = await RealSshd.start(place, { within });
    const remoteRcopy = `${folder}/rcopy`;
    await Deno.mkdir(`${folder}/home`);
    await writeRcopy(remoteRcopy, `${folder}/home`);
    const rsh = [...sshd.sshWords(`${place}/user`), ...ssh].map((word) => `'${word}'`).join(" ");
    const options = ["--rsh", rsh, "--remote-rcopy", remoteRcopy];
    await body({
      folder,
      sshd,
      rsh,
      remoteRcopy,
      home: `${folder}/home`,
      options,
      run: async (args, how = {}) => {
        await using process = new RcopyProcess(args, how);
        return await process.end();
      },
    });
  });
}

/** Writes a program that is rcopy, at home in the folder `home`; it leaves its process number and arguments beside itself. */
async function writeRcopy(path: string, home: string): Promise<void> {
  const denoHome = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`;
  const lines = [
    "#!/bin/sh",
    `export DENO_DIR='${denoHome}' NODE_EXTRA_CA_CERTS= NO_COLOR=1`,
    `echo $$ > '${path}.pid'`,
    `printf '%s\\n' "$@" > '${path}.arguments'`,
    `cd '${home}'`,
    "echo 'Welcome, as login scripts say.'",
    `exec '${Deno.execPath()}' run -A --no-prompt '${program}' "$@"`,
  ];
  await Deno.writeTextFile(path, `${lines.join("\n")}\n`, { mode: 0o755 });
}
