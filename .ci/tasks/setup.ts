/**
 * What a machine needs besides Deno: liburing for the io_uring engine, and, with `--tests`, the programs that the
 * tests compare with. Says what it is about to install; installs with apt-get where it may; else says what to do.
 *
 * Never fails a task that can go on without: status 1 only with `--required`.
 */

/** A Debian package and how to see that it is there. */
interface Need {
  package: string;
  /** Any of these files means that it is there; `*` stands for one component. */
  files: string[];
  /** What is missing without it. */
  without: string;
}

const libraryFolders = ["/usr/lib/*", "/lib/*", "/usr/lib64", "/usr/lib", "/usr/local/lib"];
const runtimeNeeds: Need[] = [
  {
    package: "liburing2",
    files: libraryFolders.map((folder) => `${folder}/liburing.so.2`),
    without:
      "files are read and written by Deno's own calls instead of io_uring: slower for many small files, " +
      "names that are not UTF-8 are reported instead of copied, and times are kept to the millisecond",
  },
];
const testNeeds: Need[] = [
  {
    package: "liburing-dev",
    files: ["/usr/include/liburing.h"],
    without: "the layouts in ffi/ are not compared with C",
  },
  { package: "gcc", files: ["/usr/bin/cc"], without: "the layouts in ffi/ are not compared with C" },
  {
    package: "libc6-dev",
    files: ["/usr/include/stdio.h"],
    without: "the layouts in ffi/ are not compared with C",
  },
  {
    package: "capnproto",
    files: ["/usr/bin/capnp"],
    without: "the schema is not generated again and compared",
  },
  { package: "xxhash", files: ["/usr/bin/xxhsum"], without: "hashes are not compared with xxhsum" },
  { package: "python3", files: ["/usr/bin/python3"], without: "names that are not UTF-8 are not tried" },
  { package: "xxd", files: ["/usr/bin/xxd"], without: "bytes are not written by a program of others" },
  { package: "diffutils", files: ["/usr/bin/diff"], without: "trees are not compared by diff" },
  { package: "util-linux", files: ["/usr/bin/setpriv"], without: "nothing is tried as another user" },
  { package: "time", files: ["/usr/bin/time"], without: "the comparison with peers is not tried" },
  { package: "strace", files: ["/usr/bin/strace"], without: "failing system calls are not tried" },
  {
    package: "openssh-client",
    files: ["/usr/bin/ssh-keygen"],
    without: "keys, signatures and agents are not compared with OpenSSH's",
  },
  // Its own service is of no use to the tests, which start one each.
  { package: "openssh-server", files: ["/usr/sbin/sshd"], without: "nothing is copied through a real sshd" },
  { package: "openssl", files: ["/usr/bin/openssl"], without: "certificates are not verified by openssl" },
  { package: "iproute2", files: ["/usr/sbin/ip", "/sbin/ip"], without: "no network is slow or blocked" },
  { package: "netcat-openbsd", files: ["/usr/bin/nc", "/bin/nc"], without: "no network is blocked for ssh" },
  { package: "acl", files: ["/usr/bin/setfacl"], without: "nothing is copied to directories with an ACL" },
  { package: "exfat-fuse", files: ["/usr/sbin/mount.exfat-fuse"], without: "nothing is copied to exFAT" },
  { package: "exfatprogs", files: ["/usr/sbin/mkfs.exfat"], without: "nothing is copied to exFAT" },
  { package: "ntfs-3g", files: ["/usr/bin/ntfs-3g", "/bin/ntfs-3g"], without: "nothing is copied to NTFS" },
  {
    package: "xfsprogs",
    files: ["/usr/sbin/mkfs.xfs", "/sbin/mkfs.xfs"],
    without: "nothing is copied to XFS",
  },
  { package: "bindfs", files: ["/usr/bin/bindfs"], without: "nothing is copied through bindfs" },
  { package: "mergerfs", files: ["/usr/bin/mergerfs"], without: "nothing is copied through mergerfs" },
  {
    package: "libfuse3-dev",
    files: ["/usr/include/fuse3/fuse.h"],
    without: "no file system refuses what a test names",
  },
  { package: "nftables", files: ["/usr/sbin/nft", "/sbin/nft"], without: "no network swallows what is sent" },
  { package: "zsh", files: ["/usr/bin/zsh", "/bin/zsh"], without: "zsh does not read what is made for it" },
  { package: "fish", files: ["/usr/bin/fish"], without: "fish does not read what is made for it" },
];

if (import.meta.main) Deno.exitCode = setUp(Deno.args) || !Deno.args.includes("--required") ? 0 : 1;

/** Returns whether everything is there at the end. */
function setUp(args: string[]): boolean {
  if (Deno.build.os !== "linux") {
    console.log(`setup: ${Deno.build.os} has no io_uring; rcopy uses Deno's own file calls here.`);
    return !args.includes("--required");
  }
  const needs = args.includes("--tests") ? [...runtimeNeeds, ...testNeeds] : runtimeNeeds;
  const missing = missingOf(needs);
  if (missing.length > 0) install(missing);
  const left = missingOf(needs);
  for (const need of left) console.log(`setup: without ${need.package}, ${need.without}.`);
  if (left.length > 0 && missing.length > 0) {
    console.log(`setup: to have it: apt-get install ${left.map((need) => need.package).join(" ")}`);
  }
  return left.length === 0;
}

function missingOf(needs: Need[]): Need[] {
  return needs.filter((need) => !need.files.some(exists));
}

function exists(pattern: string): boolean {
  const star = pattern.indexOf("/*");
  if (star < 0) return pathExists(pattern);
  const folder = pattern.slice(0, star);
  if (!pathExists(folder)) return false;
  return [...Deno.readDirSync(folder)].some((entry) =>
    pathExists(`${folder}/${entry.name}${pattern.slice(star + 2)}`)
  );
}

function pathExists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function install(needs: Need[]): void {
  const packages = needs.map((need) => need.package);
  const prefix = commandAsRoot();
  if (!prefix) return;
  console.log(`setup: installing ${packages.join(", ")} with ${[...prefix, "apt-get"].join(" ")}`);
  const options = ["install", "-y", "-qq", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends", ...packages];
  if (apt(prefix, options)) return;
  console.log("setup: the package lists may be old; updating them");
  if (apt(prefix, ["update", "-qq"]) && apt(prefix, options)) return;
  console.log(`setup: apt-get could not install ${packages.join(", ")}`);
}

/** What goes before apt-get, or `undefined` where this user may not install, or there is no apt-get. */
function commandAsRoot(): string[] | undefined {
  if (!pathExists("/usr/bin/apt-get")) {
    console.log("setup: there is no apt-get here, so nothing is installed.");
    return undefined;
  }
  if (Deno.uid() === 0) return [];
  if (pathExists("/usr/bin/sudo") && run(["sudo", "-n", "true"], "null")) return ["sudo", "-n"];
  console.log("setup: neither root nor sudo without a password, so nothing is installed.");
  return undefined;
}

function apt(prefix: string[], args: string[]): boolean {
  return run([...prefix, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", ...args], "inherit");
}

function run(command: string[], output: "null" | "inherit"): boolean {
  const [program, ...args] = command;
  const { success } = new Deno.Command(program!, { args, stdin: "null", stdout: output, stderr: output })
    .outputSync();
  return success;
}
