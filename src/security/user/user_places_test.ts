import { assertEquals } from "@std/assert";
import { withVariables } from "../../../tests/helpers/environment.ts";
import { findUserPlaces } from "./user_places.ts";

Deno.test("findUserPlaces() takes what is set, and an empty variable for one that is not", async () => {
  await withVariables({ HOME: "/home/a", XDG_CONFIG_HOME: "", SSH_AUTH_SOCK: undefined }, () => {
    const { home, configHome, agentSocket, uid, hostKeyFolder, missing } = findUserPlaces();
    assertEquals([home, configHome, agentSocket], ["/home/a", undefined, undefined]);
    assertEquals(uid, Deno.uid() ?? undefined);
    assertEquals(hostKeyFolder, Deno.uid() === 0 ? "/etc/ssh" : undefined);
    assertEquals(missing, []);
  });
  await withVariables({ XDG_CONFIG_HOME: "/c", SSH_AUTH_SOCK: "/s" }, () => {
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
