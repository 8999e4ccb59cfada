import { assertEquals } from "@std/assert";
import { findUserPlaces } from "./user_places.ts";

const variables = ["HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK"];

/** Runs `body` with these variables, `undefined` for one that is not set. */
function withVariables(values: Record<string, string | undefined>, body: () => void): void {
  const before = variables.map((name) => [name, Deno.env.get(name)] as const);
  const set = (name: string, value: string | undefined) =>
    value === undefined ? Deno.env.delete(name) : Deno.env.set(name, value);
  try {
    for (const [name, value] of Object.entries(values)) set(name, value);
    body();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

Deno.test("findUserPlaces() takes what is set, and an empty variable for one that is not", () => {
  withVariables({ HOME: "/home/a", XDG_CONFIG_HOME: "", SSH_AUTH_SOCK: undefined }, () => {
    const { home, configHome, agentSocket, uid, hostKeyFolder, missing } = findUserPlaces();
    assertEquals([home, configHome, agentSocket], ["/home/a", undefined, undefined]);
    assertEquals(uid, Deno.uid() ?? undefined);
    assertEquals(hostKeyFolder, Deno.uid() === 0 ? "/etc/ssh" : undefined);
    assertEquals(missing, []);
  });
  withVariables({ XDG_CONFIG_HOME: "/c", SSH_AUTH_SOCK: "/s" }, () => {
    const { configHome, agentSocket } = findUserPlaces();
    assertEquals([configHome, agentSocket], ["/c", "/s"]);
  });
});

Deno.test({
  name: "findUserPlaces() names every flag without which it could not look, and asks for none",
  permissions: { env: ["HOME"] },
  fn: () => {
    const { configHome, agentSocket, uid, hostKeyFolder, missing } = findUserPlaces();
    assertEquals([configHome, agentSocket, uid, hostKeyFolder], [undefined, undefined, undefined, undefined]);
    assertEquals(missing.sort(), [
      "--allow-env=SSH_AUTH_SOCK",
      "--allow-env=XDG_CONFIG_HOME",
      "--allow-sys=uid",
    ]);
  },
});
