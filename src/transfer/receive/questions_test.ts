import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type ReceiveParts, receiveParts } from "../../../tests/helpers/receive_parts.ts";
import { bytesOf, type EngineFolder, inFolder } from "../../../tests/helpers/transfer_parts.ts";
import { EntryKind } from "../../entry/metadata.ts";
import { EntryState } from "../target/batch.ts";
import { TargetTree } from "../target/tree.ts";
import { Consent, type ConsentOptions, type Matter, Questions } from "./questions.ts";
import { SettingsGuard } from "./settings.ts";

const directory = new TargetTree(undefined, 0).root;

/** Questions of a session, and what was told and asked, in turn. */
function questioning(
  consent: Partial<ConsentOptions>,
): { questions: Questions; consent: Consent; log: string[] } {
  const log: string[] = [];
  const { ask } = consent;
  const asked = ask && ((question: string) => (log.push(question), ask(question)));
  const all = new Consent({ answers: {}, shown: '"d"', ...consent, ask: asked });
  const questions = new Questions({
    consent: all,
    pathOf: (_, name) => `a/${new TextDecoder().decode(name)}`,
    tell: () => void log.push("tell"),
    everyMs: 60_000,
  });
  return { questions, consent: all, log };
}

const may = (questions: Questions, matter: Matter, name = "x") =>
  questions.may(matter, directory, bytesOf(name));

Deno.test("Questions puts off what nobody has answered, and names the first of it in one question a matter", async () => {
  for (const answer of [true, false]) {
    const { questions, log } = questioning({ ask: () => Promise.resolve(answer) });
    assertEquals(questions.areOpen, false);
    for (let i = 1; i <= 7; i++) assertEquals(may(questions, "replace", `f${i}`), "later");
    assertEquals(may(questions, "settings", ".ssh"), "later");
    assertEquals([questions.areOpen, log], [true, []]);
    assertEquals(await questions.ask(), true);
    assertEquals(log.length, 3);
    assertEquals(log[0], "tell");
    assertMatch(
      log[1]!,
      /^in "d" .* others of their names: a\/f1, a\/f2, a\/f3, a\/f4, a\/f5 and 2 more; replace them\?$/,
    );
    assertMatch(log[2]!, /^this copy would change settings .* in "d": a\/\.ssh; take them\?$/);
    const expected = answer ? "yes" : "no";
    assertEquals([may(questions, "replace"), may(questions, "settings")], [expected, expected]);
  }
});

Deno.test("Questions asks nothing whose answer is known", () => {
  const { questions } = questioning({ answers: { replace: true, settings: false } });
  assertEquals([may(questions, "replace"), may(questions, "settings"), questions.areOpen], [
    "yes",
    "no",
    false,
  ]);
  assertEquals([questions.allows("replace"), questions.allows("settings")], [true, false]);
});

Deno.test("Questions waits no longer than its session lasts, and the answer serves the next one", async () => {
  const answer = Promise.withResolvers<boolean>();
  const told: [Matter, boolean][] = [];
  const first = questioning({ ask: () => answer.promise, onAnswer: (...said) => void told.push(said) });
  may(first.questions, "replace");
  const asking = first.questions.ask();
  first.questions.end();
  assertEquals(await asking, false);
  const second = new Questions({
    consent: first.consent,
    pathOf: () => "p",
    tell: () => {},
    everyMs: 60_000,
  });
  assertEquals(may(second, "replace"), "later");
  const again = second.ask();
  answer.resolve(true);
  assertEquals([await again, may(second, "replace")], [true, "yes"]);
  assertEquals([first.log.length, told], [2, [["replace", true]]], "a person is asked once");
});

Deno.test("Questions hands on what asking throws", async () => {
  const { questions } = questioning({ ask: () => Promise.reject(new Error("interrupted")) });
  may(questions, "settings");
  await assertRejects(() => questions.ask(), Error, "interrupted");
});

const mtime = { seconds: 1_700_000_000, nanos: 0 };

/** A plan in whose destination `there`, `.rc` and `same` stand, the last as it is to be; all of it is announced. */
async function withPlanned(
  given: { consent: Partial<ConsentOptions>; check?: boolean },
  body: (
    parts: ReceiveParts,
    batch: ReturnType<ReceiveParts["arrive"]>,
    folder: EngineFolder,
  ) => Promise<void> | void,
): Promise<void> {
  await inFolder(async (folder) => {
    for (const name of ["there", ".rc", "same"]) {
      folder.write(name, "abc");
      Deno.utimeSync(`${folder.path}/${name}`, mtime.seconds, mtime.seconds);
    }
    const settings = new SettingsGuard({ homes: ["/home/me"], folders: [] }, "/home/me");
    using parts = receiveParts(folder, { ...given, settings });
    const size = given.check ? 3 : 4;
    const batch = parts.arrive(0, [
      [0, [
        { name: "new" },
        { name: "there", size },
        { name: "same", size: 3 },
        { name: ".rc", size: 4 },
        { name: ".d", kind: EntryKind.directory },
      ]],
      [1, [{ name: "below" }]],
    ], [1, 0]);
    parts.plan.make(batch);
    await body(parts, batch, folder);
  });
}

const { wanted, failed, skipped, held, compared } = EntryState;

Deno.test("ReceivePlan puts off what a person decides, without a failure, and wants the rest", async () => {
  await withPlanned(
    { consent: { answers: {}, ask: () => Promise.resolve(true) } },
    async (parts, batch, folder) => {
      assertEquals([...batch.states], [wanted, failed, skipped, failed, failed, failed]);
      assertEquals(parts.questions.areOpen, true);
      assertEquals((await parts.heard()).filter(({ kind }) => kind === "failure"), []);
      assertEquals(folder.names().includes(".d"), false);
    },
  );
});

Deno.test("ReceivePlan does what a person has agreed to, and fails by name what not", async () => {
  for (const answer of [true, false]) {
    await withPlanned(
      { consent: { answers: { replace: answer, settings: answer } } },
      async (parts, batch, folder) => {
        const expected = answer
          ? [wanted, wanted, skipped, wanted, held, wanted]
          : [wanted, failed, skipped, failed, failed, failed];
        assertEquals([[...batch.states], parts.questions.areOpen], [expected, false]);
        const reasons = (await parts.heard()).flatMap((one) => one.kind === "failure" ? [one.text] : []);
        assertEquals(reasons.length, answer ? 0 : 3);
        if (!answer) assertMatch(reasons.join(), /is kept as answered.*--dotfiles.*--dotfiles/);
        assertEquals(folder.names().includes(".d"), answer);
      },
    );
  }
});

Deno.test("ReceivePlan asks about settings alone where they would be replaced", async () => {
  await withPlanned(
    { consent: { answers: { settings: true }, ask: () => Promise.resolve(true) } },
    (parts, batch) => {
      assertEquals([...batch.states], [wanted, failed, skipped, wanted, held, wanted]);
      assertEquals([...batch.replaced].length, 1);
      assertEquals(parts.questions.areOpen, true);
    },
  );
});

Deno.test("ReceivePlan compares before anybody is asked; what is another is put off when it shows", async () => {
  const consent = { answers: { settings: false }, ask: () => Promise.resolve(true) };
  await withPlanned({ consent, check: true }, async (parts, batch) => {
    assertEquals([...batch.states].slice(0, 3), [wanted, compared, compared]);
    assertEquals(parts.questions.areOpen, false);
    await parts.heard();
    assertEquals(parts.comparison.beginSmall(batch, 1), false);
    assertEquals([parts.questions.areOpen, batch.states[1]], [true, failed]);
    assertEquals((await parts.heard()).filter(({ kind }) => kind === "failure"), []);
  });
});

Deno.test("ReceivePlan asks nobody about what an earlier session of the transfer has placed", async () => {
  await inFolder((folder) => {
    folder.write("log", "abc");
    const ask = () => Promise.resolve(false);
    using parts = receiveParts(folder, { consent: { answers: {}, ask }, ownSinceNs: 0n });
    const batch = parts.arrive(0, [[0, [{ name: "log", size: 9 }]]]);
    parts.plan.make(batch);
    assertEquals([[...batch.states], parts.questions.areOpen], [[wanted], false]);
  });
});
