import { assertEquals } from "@std/assert";
import { RcopyError } from "../../base/errors.ts";
import { toldOnce } from "./told_once.ts";

Deno.test("what the other end has told itself is not told again without its paths", () => {
  const said = "the peer ended the session: peer says: cannot use the destination a path there: read-only";
  const thrown = new RcopyError("read-only", said);
  const once = toldOnce(thrown, "me@nas", ["hello", 'cannot use the destination "/srv/b": read-only']);
  const { code, message } = once as RcopyError;
  assertEquals([code, message], ["read-only", "the other end on me@nas ended the copy, as told above"]);
  assertEquals(toldOnce(thrown, "me@nas", ["hello"]), thrown);
  const own = new RcopyError("peer-lost", "lost the connection");
  assertEquals(toldOnce(own, "me@nas", ["lost the connection"]), own);
});
