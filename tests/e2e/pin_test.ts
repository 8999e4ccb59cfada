/** What could weaken the pin is found in the process that would rely on it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeChain } from "../helpers/openssl.ts";
import { RcopyProcess } from "../helpers/rcopy_process.ts";
import { Home } from "../helpers/ssh_homes.ts";
import { shell, testWhere, withFolder } from "../helpers/test_folder.ts";
import { startTicketSender } from "../helpers/ticket_copy.ts";

/** What weakens it, how it is set, and what the refusal must name. FILE stands for a certificate. */
const weakenings: { name: string; env?: Record<string, string>; flags?: string[]; names: RegExp }[] = [
  { name: "DENO_CERT", env: { DENO_CERT: "FILE" }, names: /variable DENO_CERT/ },
  {
    name: "NODE_EXTRA_CA_CERTS",
    env: { NODE_EXTRA_CA_CERTS: "FILE" },
    names: /variable NODE_EXTRA_CA_CERTS/,
  },
  { name: "the system's store", env: { DENO_TLS_CA_STORE: "system" }, names: /variable DENO_TLS_CA_STORE/ },
  {
    name: "the system's store among others",
    env: { DENO_TLS_CA_STORE: "mozilla,system" },
    names: /variable DENO_TLS_CA_STORE/,
  },
  {
    name: "checks that are switched off",
    flags: ["--unsafely-ignore-certificate-errors"],
    names: /--unsafely-ignore-certificate-errors/,
  },
  {
    name: "checks that are switched off, without the environment",
    flags: ["--unsafely-ignore-certificate-errors", "--deny-env"],
    names: /--unsafely-ignore-certificate-errors/,
  },
];
for (const { name, env = {}, flags = [], names } of weakenings) {
  Deno.test(`a receiver refuses to rely on a pin that is weakened by ${name}`, async () => {
    await withFolder(async (folder) => {
      const { anchorPem } = await makeChain({});
      await Deno.writeTextFile(`${folder}/other.pem`, anchorPem);
      await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
      const { sender, ticket } = await startTicketSender([`${folder}/a`]);
      await using _sender = sender;
      const set = Object.fromEntries(
        Object.entries(env).map(([key, value]) => [key, value.replace("FILE", `${folder}/other.pem`)]),
      );
      await using weak = new RcopyProcess(["receive", ticket, `${folder}/b`], {
        env: set,
        permissions: ["-A", ...flags],
      });
      const refused = await weak.end();
      assertEquals(refused.status, 3, refused.stderr);
      assertMatch(refused.stderr, names);
      // Nothing was wrong but that.
      await using sound = new RcopyProcess(["receive", ticket, `${folder}/b`]);
      assertEquals((await sound.end()).status, 0);
      const { status, stderr } = await sender.end();
      assertEquals(status, 0);
      assert(!stderr.includes("closed a connection"), stderr);
    });
  });
}

Deno.test("checks switched off for the peer's name alone are found out too", async () => {
  await withFolder(async (folder) => {
    const { sender, ticket } = await startTicketSender([folder]);
    await using _sender = sender;
    const { planDialByTicket } = await import("../../src/meet/by_ticket.ts");
    const { transport } = await planDialByTicket(ticket);
    if (transport.kind !== "tls") throw new Error("a ticket without TLS");
    await using weak = new RcopyProcess(["receive", ticket, `${folder}/b`], {
      permissions: ["-A", `--unsafely-ignore-certificate-errors=${transport.serverName}`],
    });
    const { status, stderr } = await weak.end();
    assertEquals(status, 3, stderr);
    assertMatch(stderr, /--unsafely-ignore-certificate-errors/);
  });
});

Deno.test("Mozilla's roots weaken nothing, and what cannot be looked at is said once", async () => {
  await withFolder(async (folder) => {
    await shell('mkdir "$1/a" && echo 1 > "$1/a/file"', folder);
    const { sender, ticket, port } = await startTicketSender(["--keep", `${folder}/a`]);
    await using _sender = sender;
    await using usual = new RcopyProcess(["receive", ticket, `${folder}/b`], {
      env: { DENO_TLS_CA_STORE: "mozilla" },
    });
    const allowed = await usual.end();
    assertEquals(allowed.status, 0, allowed.stderr);
    assert(!/cannot be (seen|tested)/.test(allowed.stderr), allowed.stderr);
    await using blind = new RcopyProcess(["receive", ticket, `${folder}/c`], {
      permissions: ["--allow-read", "--allow-write", `--allow-net=127.0.0.1:${port}`],
    });
    const told = await blind.end();
    assertEquals(told.status, 0, told.stderr);
    assertEquals(told.stderr.match(/without --allow-env=\S+ it cannot be seen/g)?.length, 1, told.stderr);
    assertEquals(told.stderr.match(/without --allow-net=127\.0\.0\.1 it cannot be tested/g)?.length, 1);
  });
});

for (const { name, env, names } of weakenings) {
  if (env === undefined) continue;
  testWhere(
    { programs: ["ssh-keygen"] },
    `without a ticket no connection is made, not even to see a key, with a pin that is weakened by ${name}`,
    () =>
      withFolder(async (folder) => {
        const { anchorPem } = await makeChain({});
        await Deno.writeTextFile(`${folder}/other.pem`, anchorPem);
        await Deno.writeTextFile(`${folder}/file`, "1");
        const home = await Home.withKey(`${folder}/home`);
        const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
        let connections = 0;
        const counting = (async () => {
          for await (const connection of listener) {
            connections++;
            connection.close();
          }
        })();
        const set = Object.fromEntries(
          Object.entries(env).map(([key, value]) => [key, value.replace("FILE", `${folder}/other.pem`)]),
        );
        const way = ["-a", `127.0.0.1:${listener.addr.port}`];
        const run = async (args: string[], env: Record<string, string>) => {
          await using process = home.run(args, { env });
          return await process.end();
        };
        for (const args of [["receive", ...way, `${folder}/b`], ["send", ...way, `${folder}/file`]]) {
          const { status, stderr } = await run(args, set);
          assertEquals(status, 3, stderr);
          assertMatch(stderr, names);
        }
        assertEquals(connections, 0, "somebody was connected to");
        // Without the setting it is.
        assertEquals((await run(["receive", ...way, `${folder}/b`], {})).status, 3); // somebody who hangs up
        assert(connections > 0, "this test does not see connections");
        listener.close();
        await counting;
      }),
  );
}
