import { assert, assertEquals, assertMatch } from "@std/assert";
import { RcopyError } from "../base/errors.ts";
import { type ReasonKind, reasonOf, speaksNoTls, unreachable } from "./reason.ts";

const { errors } = Deno;
const close = "peer closed connection without sending TLS close_notify: " +
  "https://docs.rs/rustls/latest/rustls/manual/_03_howto/index.html#unexpected-eof";
const tlsEnd = "Client network socket disconnected before secure TLS connection was established";

/** Errors as Deno 2.9 and node:tls give them. */
const seen: [thrown: Error, kind: ReasonKind, words: RegExp][] = [
  [new errors.UnexpectedEof(close), "closed", /^the other end hung up$/],
  [new errors.BrokenPipe("Broken pipe (os error 32)"), "closed", /hung up/],
  [new errors.ConnectionReset("Connection reset by peer (os error 104)"), "closed", /cut it/],
  [Object.assign(new Error(tlsEnd), { code: "ECONNRESET" }), "closed", /hung up/],
  [new errors.InvalidData("received fatal alert: UnknownCA"), "other-key", /expects another key/],
  [new errors.InvalidData("invalid peer certificate: UnknownIssuer"), "other-key", /another key/],
  [new errors.InvalidData("received corrupt message of type InvalidContentType"), "no-tls", /not speak TLS/],
  [new errors.InvalidData("received fatal alert: HandshakeFailure"), "no-tls", /refused this end's TLS/],
  [new errors.InvalidData("received fatal alert: BadRecordMac"), "altered", /changed on the way/],
  [new errors.InvalidData("invalid peer certificate: Expired"), "clock", /clocks/],
  [new errors.ConnectionRefused("Connection refused (os error 111)"), "refused", /nothing listens/],
  [Object.assign(new Error("connect ECONNREFUSED ::1:1"), { code: "ECONNREFUSED" }), "refused", /nothing/],
  [new Error("failed to lookup address information: Name or service not known"), "unknown-name", /name/],
  [Object.assign(new Error("getaddrinfo ENOTFOUND x"), { code: "ENOTFOUND" }), "unknown-name", /name/],
  [new Error("No route to host (os error 113)"), "no-route", /no way leads there/],
  [new DOMException("Signal timed out.", "TimeoutError"), "silent", /^no answer$/],
  [new Error("something new: see https://example.org/x (os error 7)"), "other", /^something new: see$/],
];
for (const [thrown, kind, words] of seen) {
  Deno.test(`reasonOf() says in plain words: ${thrown.message.slice(0, 50)}`, () => {
    const reason = reasonOf(thrown);
    assertEquals(reason.kind, kind);
    assertMatch(reason.words, words);
    assert(!/https?:|os error|rustls|close_notify|[a-z][A-Z]/.test(reason.words), reason.words);
    // What it led to keeps it.
    assertEquals(reasonOf(new RcopyError("peer-lost", "lost the peer", { cause: thrown })).kind, kind);
  });
}

Deno.test("speaksNoTls() names both reasons, and what to do", () => {
  const { code, message } = speaksNoTls("192.0.2.7:3120", undefined);
  assertEquals(code, "refused");
  assertMatch(
    message,
    /192\.0\.2\.7:3120, but it does not speak TLS: it takes plain connections \(--insecure\), or/,
  );
});

Deno.test("unreachable() asks about a firewall only where there can be one", () => {
  const refused = { address: { host: "192.0.2.7", port: 1 }, error: new errors.ConnectionRefused("no") };
  const unknown = {
    address: { host: "nsa", port: 1 },
    error: new Error("failed to lookup address information"),
  };
  assertMatch(unreachable([refused]).message, /192\.0\.2\.7:1: nothing listens there; is rcopy .*firewall/);
  assertMatch(
    unreachable([unknown]).message,
    /nsa:1: no address is known for this name; is it spelled right\?/,
  );
  assertMatch(
    unreachable([unknown, refused]).message,
    /nsa:1: no address .*; 192\.0\.2\.7:1: nothing .*firewall/,
  );
});
