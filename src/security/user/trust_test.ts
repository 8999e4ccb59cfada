import { assert, assertEquals } from "@std/assert";
import { parseSshPublicKeyLine } from "../ssh/key.ts";
import { judgeReceiverKey, judgeSenderKey, type SenderKeyFacts, type TrustVerdict } from "./trust.ts";

const one = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"; // of RFC 8032
const key = parseSshPublicKeyLine(one).key;
const other = parseSshPublicKeyLine(
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM",
).key;

/** Nothing speaks for the key. */
const stranger: SenderKeyFacts = {
  key,
  fingerprint: "SHA256:x",
  allowed: [other],
  authorized: { isAuthorized: false, reasons: [], file: "~/.ssh/authorized_keys" },
  own: [other],
  command: "rcopy receive -a h:9012 d",
  peer: "h:9012",
  pins: [],
  pinsFile: "/c/it's/known_peers",
  pinsProblem: undefined,
  hostKeys: [{ file: "known_hosts", line: 2, key: other, isRevoked: false }],
  canAsk: false,
};
const authorized = { isAuthorized: true, line: 4, file: "authorized_keys" } as const;
const hostKey = { file: "known_hosts", line: 3, key, isRevoked: false };
const revoked = { ...hostKey, isRevoked: true };
const pin = { line: 1, key };
const changed = { line: 7, key: other };
const everything = { allowed: [key], pins: [pin], hostKeys: [hostKey], authorized, own: [key], canAsk: true };

function shown(verdict: TrustVerdict): string {
  return verdict.verdict === "refuse"
    ? `refuse: ${verdict.reason}; ${verdict.remedy}`
    : `${verdict.verdict}: ${verdict.reason}`;
}

const senderRules: [string, Partial<SenderKeyFacts>, RegExp][] = [
  [
    "nothing speaks for it, no terminal",
    {},
    /^refuse: the sender's key SHA256:x is not trusted here; .*SHA256|^refuse/,
  ],
  ["nothing speaks for it, at a terminal", { canAsk: true }, /^ask: the sender at h:9012 .*SHA256:x/],
  ["named by --allow", { allowed: [other, key] }, /^accept: named by --allow/],
  ["named by --allow, changed", { allowed: [key], pins: [changed] }, /^accept: named by --allow/],
  ["pinned", { pins: [pin] }, /^accept: accepted before for h:9012/],
  ["changed", { pins: [changed] }, /^refuse: the key of h:9012 has changed.*delete line 7 of/],
  ["changed, and a person could be asked", { pins: [changed], canAsk: true }, /^refuse: .*has changed/],
  [
    "changed, and everything else speaks for it",
    { ...everything, allowed: [], pins: [changed] },
    /has changed/,
  ],
  ["pinned beside another key", { pins: [pin, changed] }, /^refuse: .*has changed.*delete line 7 of/],
  ["pinned on a damaged line", { pins: [{ line: 9, key: undefined }] }, /^refuse: .*delete line 9 of/],
  [
    "the pins cannot be read",
    { ...everything, allowed: [], pins: [], pinsProblem: "why" },
    /^refuse: .*; why/,
  ],
  ["a host key", { hostKeys: [...stranger.hostKeys, hostKey] }, /^accept: host key in known_hosts, line 3/],
  ["another host key only", { hostKeys: stranger.hostKeys }, /^refuse: .*not trusted/],
  ["a revoked host key", { hostKeys: [hostKey, revoked] }, /^refuse: .*is revoked.*line 3/],
  [
    "revoked, and everything else speaks for it",
    { ...everything, hostKeys: [revoked] },
    /^refuse: .*is revoked/,
  ],
  ["another key is revoked", { ...everything, hostKeys: [{ ...revoked, key: other }] }, /^accept: named/],
  ["in authorized_keys", { authorized }, /^accept: in authorized_keys, line 4/],
  [
    "in authorized_keys on a line that does not let it in",
    { authorized: { isAuthorized: false, reasons: ["line 2: it has expired"], file: "authorized_keys" } },
    /^refuse: .*\(authorized_keys, line 2: it has expired\)/,
  ],
  ["own", { own: [key] }, /^accept: your own key/],
  ["the sender came to us and is own", { own: [key], peer: undefined }, /^accept: your own key/],
  ["the sender came to us and is a stranger", { peer: undefined }, /^refuse/],
];
for (const [what, facts, wanted] of senderRules) {
  Deno.test(`judgeSenderKey(), ${what}`, () => {
    const verdict = shown(judgeSenderKey({ ...stranger, ...facts }));
    assert(wanted.test(verdict), verdict);
  });
}

const receiverRules: [string, Partial<SenderKeyFacts>, RegExp][] = [
  ["nothing speaks for it", {}, /^refuse: the receiver's key SHA256:x is not trusted here/],
  ["nothing speaks for it, though a person is there", { canAsk: true }, /^refuse/],
  ["named by --allow", { allowed: [key] }, /^accept: named by --allow/],
  ["in authorized_keys", { authorized }, /^accept: in authorized_keys, line 4/],
  ["own", { own: [key] }, /^accept: your own key/],
  ["a host key or pinned, which is nothing to a sender", { pins: [pin], hostKeys: [hostKey] }, /^refuse/],
];
for (const [what, facts, wanted] of receiverRules) {
  Deno.test(`judgeReceiverKey(), ${what}`, () => {
    const verdict = shown(judgeReceiverKey({ ...stranger, ...facts }));
    assert(wanted.test(verdict), verdict);
  });
}

Deno.test("a refusal gives the command that would allow the key, and the one that deletes the line", () => {
  const unknown = shown(judgeSenderKey(stranger));
  assert(unknown.endsWith(`: rcopy receive -a h:9012 d --allow '${one}'`), unknown);
  const different = shown(judgeSenderKey({ ...stranger, pins: [changed, { line: 9, key: other }] }));
  assert(different.endsWith(`sed -i -e 7d -e 9d '/c/it'\\''s/known_peers'`), different);
});

Deno.test("the order of the rules: each is the reason once those before it are gone", () => {
  const facts: SenderKeyFacts = { ...stranger, ...everything };
  const steps: Partial<SenderKeyFacts>[] = [
    {},
    { allowed: [] },
    { pins: [] },
    { hostKeys: [] },
    { authorized: stranger.authorized },
    { own: [] },
    { canAsk: false },
  ];
  const reasons: string[] = [];
  for (let given = facts, i = 0; i < steps.length; i++) {
    given = { ...given, ...steps[i] };
    reasons.push(shown(judgeSenderKey(given)).split(/[ ,]/).slice(0, 2).join(" "));
  }
  assertEquals(reasons, [
    "accept: named",
    "accept: accepted",
    "accept: host",
    "accept: in",
    "accept: your",
    "ask: the",
    "refuse: the",
  ]);
});
