/** Patterns of host names and addresses as OpenSSH has them: `*`, `?`, lists with commas, `!` before what is left out. */
import { plainHost } from "../../net/address.ts";
import { addressBytes } from "../../wire/address_list.ts";

/** Longest pattern that OpenSSH looks at. */
const patternCharactersMax = 1023;

/** Whether a text matches a pattern with `*` and `?`; time is bounded by the product of their lengths. */
export function matchesPattern(text: string, pattern: string): boolean {
  let at = 0;
  let inPattern = 0;
  let star = -1;
  let resumeAt = 0;
  while (at < text.length) {
    if (pattern[inPattern] === "*") {
      star = inPattern++;
      resumeAt = at;
    } else if (pattern[inPattern] === "?" || pattern[inPattern] === text[at]) {
      at++;
      inPattern++;
    } else if (star >= 0) {
      inPattern = star + 1;
      at = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[inPattern] === "*") inPattern++;
  return inPattern === pattern.length;
}

/** Whether a host (in lower case) is in a list of patterns; one `!pattern` that matches takes it out altogether. */
export function matchesHostList(host: string, list: string): boolean {
  let found = false;
  for (const part of list.split(",")) {
    const isNegated = part.startsWith("!");
    const pattern = isNegated ? part.slice(1) : part;
    if (pattern.length > patternCharactersMax) return false;
    if (!matchesPattern(host, pattern.toLowerCase())) continue;
    if (isNegated) return false;
    found = true;
  }
  return found;
}

/** An address as a number, and how many bits it has. */
interface AddressBits {
  value: bigint;
  bits: 32 | 128;
}

/**
 * Whether an address is in a list as `from=` has it: addresses, `ADDRESS/BITS`, patterns of addresses; `!` takes out.
 * `undefined` where the list is malformed, so that the caller refuses.
 */
export function matchesAddressList(address: string, list: string): boolean | undefined {
  const own = parseAddress(address);
  let found = false;
  let isOut = false;
  for (const part of list.split(",")) {
    const isNegated = part.startsWith("!");
    const pattern = (isNegated ? part.slice(1) : part).trim().toLowerCase();
    if (pattern === "" || pattern.length > patternCharactersMax) return undefined;
    const isMatch = pattern.includes("/")
      ? isInNetwork(own, pattern)
      : matchesPattern(address.toLowerCase(), pattern) || isSameAddress(own, parseAddress(pattern));
    if (isMatch === undefined) return undefined;
    if (isMatch && isNegated) isOut = true;
    else if (isMatch) found = true;
  }
  return found && !isOut;
}

function isSameAddress(one: AddressBits | undefined, other: AddressBits | undefined): boolean {
  return one !== undefined && other !== undefined && one.bits === other.bits && one.value === other.value;
}

/** `undefined` for a network that is none, or one with bits set beyond its prefix, as OpenSSH has it. */
function isInNetwork(own: AddressBits | undefined, pattern: string): boolean | undefined {
  const [, base = "", digits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(pattern) ?? [];
  const network = parseAddress(base);
  const prefix = Number(digits);
  if (network === undefined || digits === "" || prefix > network.bits) return undefined;
  const shift = BigInt(network.bits - prefix);
  if ((network.value >> shift) << shift !== network.value) return undefined;
  return own !== undefined && own.bits === network.bits && own.value >> shift === network.value >> shift;
}

/** IPv4, also as IPv6 carries it, and IPv6 with or without a zone; `undefined` for anything else. */
function parseAddress(text: string): AddressBits | undefined {
  const [withoutZone = ""] = plainHost(text).split("%");
  const bytes = addressBytes(withoutZone);
  return bytes && { value: BigInt(`0x${bytes.toHex()}`), bits: bytes.length === 4 ? 32 : 128 };
}
