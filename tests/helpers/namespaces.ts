/**
 * Two network namespaces and a third between them, which routes nothing: what goes from one to the other, a
 * program in the third carries.
 */
import { shell } from "./test_folder.ts";

/** Where each end and the middle can be reached. Addresses are private to the namespaces. */
const addresses = {
  sender: "10.77.1.1",
  besideSender: "10.77.1.2",
  receiver: "10.77.2.1",
  besideReceiver: "10.77.2.2",
};

/** Why there can be none here; `undefined` where there can. */
export function whyNoNamespaces(): string | undefined {
  if (Deno.build.os !== "linux") return "needs Linux";
  if (Deno.uid() !== 0) return "needs root";
  const { success } = new Deno.Command("bash", {
    args: ["-c", "ip netns list && unshare -n ip link set lo up"],
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success ? undefined : "needs ip netns";
}

/** Of Ethernet (14), IPv4 (20), and TCP (20) with a time stamp (12). */
const headerBytes = 66;

let made = 0;

export class Namespaces implements AsyncDisposable {
  readonly addresses = addresses;
  readonly #names: Record<"sender" | "middle" | "receiver", string>;

  private constructor(prefix: string) {
    this.#names = { sender: `${prefix}-s`, middle: `${prefix}-m`, receiver: `${prefix}-r` };
  }

  /** Makes the three, joined by two pairs of virtual cables. */
  static async make(): Promise<Namespaces> {
    const namespaces = new Namespaces(`rcopy-${Deno.pid}-${made++}`);
    const { sender, middle, receiver } = namespaces.#names;
    try {
      for (const name of [sender, middle, receiver]) {
        await shell('ip netns add "$1" && ip -n "$1" link set lo up', name);
      }
      await join([sender, addresses.sender], [middle, addresses.besideSender]);
      await join([receiver, addresses.receiver], [middle, addresses.besideReceiver]);
      await shell('ip netns exec "$1" bash -c "echo 0 > /proc/sys/net/ipv4/ip_forward"', middle);
    } catch (error) {
      await namespaces[Symbol.asyncDispose]();
      throw error;
    }
    return namespaces;
  }

  /** The words that start a program in one of them. */
  within(place: "sender" | "middle" | "receiver"): string[] {
    return ["ip", "netns", "exec", this.#names[place]];
  }

  /** Pulls the cable of the sender out of the middle, or puts it in again. */
  async plug(isIn: boolean): Promise<void> {
    await shell(
      'ip -n "$1" link set "$2" "$3"',
      this.#names.middle,
      cableOf(addresses.sender),
      isIn ? "up" : "down",
    );
  }

  /** Ports in the middle of the connections to the sender: that of control, over which the fewest bytes come, and the others. */
  async connections(): Promise<{ control: number; lanes: number[] }> {
    const printed = await shell(
      'ip netns exec "$1" ss -HOtni state established dst "$2"',
      this.#names.middle,
      addresses.sender,
    );
    const found = printed.trim().split("\n").map((line) => ({
      port: Number(/ \S+:(\d+) +\S+:\d+ /.exec(`${line} `)?.[1]),
      received: Number(/bytes_received:(\d+)/.exec(line)?.[1] ?? 0),
    })).toSorted((a, b) => a.received - b.received);
    const [control, ...lanes] = found.map(({ port }) => port);
    return { control: control!, lanes };
  }

  /** Breaks connections of the middle, by their ports: each end gets a reset. */
  async reset(ports: readonly number[]): Promise<void> {
    for (const port of ports) {
      await shell('ip netns exec "$1" ss -K sport = ":$2" >/dev/null 2>&1', this.#names.middle, String(port));
    }
  }

  /** Gives the middle another address beside the sender. */
  async readdress(from: string, to: string): Promise<void> {
    const cable = cableOf(from);
    await shell(
      'ip -n "$1" addr del "$4/24" dev "$2" && ip -n "$1" addr add "$3/24" dev "$2"',
      this.#names.middle,
      cable,
      to,
      from,
    );
  }

  /** Lets so many megabits a second through from the sender. */
  async slowDown(megabits: number): Promise<void> {
    const cable = cableOf(addresses.sender);
    const rate = `${megabits}mbit`;
    await shell(
      'ip netns exec "$1" tc qdisc add dev "$2" root tbf rate "$3" burst 64kb latency 50ms',
      this.#names.sender,
      cable,
      rate,
    );
  }

  /**
   * Bytes that have left the sender towards the middle, with all headers, and without those of Ethernet, IPv4 and TCP with a
   * time stamp. What the system hands over as one large segment has them once.
   */
  async sentBySender(): Promise<{ bytes: number; withHeaders: number }> {
    const counted = await shell(
      'ip netns exec "$1" cat "/sys/class/net/$2/statistics/tx_bytes" "/sys/class/net/$2/statistics/tx_packets"',
      this.#names.sender,
      cableOf(addresses.sender),
    );
    const [withHeaders, packets] = counted.trim().split("\n").map(Number) as [number, number];
    return { bytes: withHeaders - packets * headerBytes, withHeaders };
  }

  /** Removes them, with the cables. Programs in them must have ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of Object.values(this.#names)) await shell('ip netns del "$1" 2>/dev/null || true', name);
  }
}

/** The name of a cable, at both of its ends. */
function cableOf(address: string): string {
  return `eth-${address.split(".")[2]}`;
}

type Plug = [namespace: string, address: string];

/**
 * A cable between two namespaces; each has its own end as `eth-N`, N being the third number of the address.
 */
async function join([here, hereAddress]: Plug, [there, thereAddress]: Plug): Promise<void> {
  const name = cableOf(hereAddress);
  await shell(
    'ip link add "$1" netns "$2" type veth peer name "$1" netns "$3"; ' +
      'ip -n "$2" addr add "$4/24" dev "$1" && ip -n "$3" addr add "$5/24" dev "$1" && ' +
      'ip -n "$2" link set "$1" up && ip -n "$3" link set "$1" up',
    name,
    here,
    there,
    hereAddress,
    thereAddress,
  );
}
