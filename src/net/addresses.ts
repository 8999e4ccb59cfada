/** Addresses at which peers may reach this machine. */

/** A network interface's address; `Deno.networkInterfaces()` gives these. */
type InterfaceAddress =
  & Pick<Deno.NetworkInterfaceInfo, "family" | "address">
  & Partial<Pick<Deno.NetworkInterfaceInfo, "name">>;

/** Interfaces that lead to no other machine, as far as their names tell: bridges of containers and virtual machines, their ends, tunnels of their own. */
const virtualNames =
  /^(docker|br-|bridge|virbr|veth|vnet|cni|flannel|cali|lxc|lxd|podman|vmnet|vboxnet|vEthernet|kube|nerdctl|ifb|dummy|tap)/i;
/** Tunnels, to which few peers belong. */
const tunnelNames = /^(tun|wg|utun|ppp|tailscale|zt|nebula)/i;

export interface ReachableOptions {
  /** Whether IPv6 peers can connect. */
  dualStack: boolean;
  /** Lists the addresses of this machine; Deno does by default. */
  list?: () => readonly InterfaceAddress[];
}

/**
 * Addresses of this machine's interfaces, most useful first: those of interfaces that lead to other machines, then of
 * tunnels, then of bridges for containers and virtual machines; and of each IPv4, then global IPv6, then private IPv6, then link-local
 * IPv4; loopback only if there is nothing else. Empty where Deno was not given `--allow-sys=networkInterfaces`.
 */
export function reachableAddresses(
  { dualStack, list = Deno.networkInterfaces }: ReachableOptions,
): string[] {
  if (Deno.permissions.querySync({ name: "sys", kind: "networkInterfaces" }).state !== "granted") return [];
  const ranked: { address: string; rank: number }[] = [];
  for (const { family, address, name = "" } of list()) {
    if (family === "IPv6" && !dualStack) continue;
    const rank = rankOf(family, address);
    if (rank !== undefined) ranked.push({ address, rank: rank + 10 * rankOfName(name) });
  }
  ranked.sort((a, b) => a.rank - b.rank);
  const addresses = ranked.map((entry) => entry.address);
  return addresses.length > 0 ? addresses : ["127.0.0.1"];
}

/** A ticket has room for a few addresses only, and a machine may have more bridges than that. */
function rankOfName(name: string): number {
  return virtualNames.test(name) ? 2 : tunnelNames.test(name) ? 1 : 0;
}

function rankOf(family: "IPv4" | "IPv6", address: string): number | undefined {
  if (family === "IPv4") {
    if (address.startsWith("127.")) return undefined;
    return address.startsWith("169.254.") ? 3 : 0;
  }
  // A link-local address is of no use without the name of the other machine's interface.
  if (address === "::1" || /^fe[89ab]/i.test(address)) return undefined;
  return /^f[cd]/i.test(address) ? 2 : 1;
}
