import { assert, assertEquals } from "@std/assert";
import { codeOfErrno, errnoError, errnoName } from "./errno.ts";

/** Every number with its name, as Python's errno module has them from the same C headers. */
async function namesByPython(): Promise<Map<string, number>> {
  const script = "import errno\nfor n in dir(errno):\n  if n[0] == 'E': print(n, getattr(errno, n))";
  const { stdout } = await new Deno.Command("python3", { args: ["-c", script] }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return new Map(lines.map((line) => [line.split(" ")[0]!, Number(line.split(" ")[1])]));
}

const isLinux = Deno.build.os === "linux";

Deno.test({
  name: `errnoName() names every number as Linux does${isLinux ? "" : " (skipped: this is not Linux)"}`,
  ignore: !isLinux,
  fn: async () => {
    const numbers = await namesByPython();
    let compared = 0;
    for (let number = 1; number <= 133; number++) {
      const name = errnoName(number);
      if (!numbers.has(name)) continue;
      assertEquals(numbers.get(name), number, name);
      compared++;
    }
    assert(compared > 120, `${compared} names were compared`);
  },
});

Deno.test("errnoName() has words for numbers that Linux does not use", () => {
  for (const number of [41, 58, 134, 4095]) assertEquals(errnoName(number), `errno ${number}`);
});

Deno.test("codeOfErrno() maps as the engines' contract says, and the rest to io", () => {
  const wanted = {
    2: "not-found",
    1: "not-permitted",
    13: "not-permitted",
    28: "no-space",
    122: "no-space",
    30: "read-only",
    20: "type-conflict",
    21: "type-conflict",
    40: "type-conflict",
    17: "exists",
    39: "exists",
  } as const;
  for (let number = 1; number <= 133; number++) {
    assertEquals(codeOfErrno(number), wanted[number as keyof typeof wanted] ?? "io", errnoName(number));
  }
});

Deno.test("errnoError() says what was tried, why not, and which call said so", () => {
  const error = errnoError(13, 'cannot open "a/b"', "openat2");
  assertEquals(error.message, 'cannot open "a/b": permission denied (EACCES from openat2)');
  assertEquals([error.code, error.errno], ["not-permitted", "EACCES"]);
  assertEquals(errnoError(71, "cannot x", "statx").message, "cannot x: EPROTO from statx");
});
