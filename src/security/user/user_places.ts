/** Where the user's keys and what they trust are to be found, as far as Deno lets us look. */

/** What the environment says; `undefined` for what is not set, or may not be read. */
export interface UserPlaces {
  home: string | undefined;
  configHome: string | undefined;
  agentSocket: string | undefined;
  /** Of the user of this process. */
  uid: number | undefined;
  /** Where a host has its keys, for root. */
  hostKeyFolder: string | undefined;
  /** Flags of Deno without which something could not be looked at. */
  missing: string[];
}

/** Asks Deno for nothing: what is not allowed counts as not there, and is named. */
export function findUserPlaces(): UserPlaces {
  const missing: string[] = [];
  const variable = (name: string): string | undefined => {
    if (Deno.permissions.querySync({ name: "env", variable: name }).state !== "granted") {
      missing.push(`--allow-env=${name}`);
      return undefined;
    }
    const value = Deno.env.get(name);
    return value === "" ? undefined : value;
  };
  const mayAskUid = Deno.permissions.querySync({ name: "sys", kind: "uid" }).state === "granted";
  if (!mayAskUid) missing.push("--allow-sys=uid");
  const uid = mayAskUid ? Deno.uid() ?? undefined : undefined;
  return {
    home: variable("HOME"),
    configHome: variable("XDG_CONFIG_HOME"),
    agentSocket: variable("SSH_AUTH_SOCK"),
    uid,
    hostKeyFolder: uid === 0 ? "/etc/ssh" : undefined,
    missing,
  };
}
