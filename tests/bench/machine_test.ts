import { assertEquals, assertMatch } from "@std/assert";
import { describeMachine, describeProcessor } from "./machine.ts";

Deno.test("describeProcessor() names the model, and whether it copies by rep movsb", () => {
  const zen =
    "processor\t: 0\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu erms fsrm vaes\n\nprocessor\t: 1\n";
  assertEquals(describeProcessor(zen), "AMD EPYC 7763, with fsrm");
  assertEquals(describeProcessor(zen.replace(" fsrm", "")), "AMD EPYC 7763, without fsrm");
  assertEquals(describeProcessor(zen.replace("fsrm", "fsrmx")), "AMD EPYC 7763, without fsrm");
  assertEquals(describeProcessor(""), "unknown, without fsrm");
});

Deno.test("the line that a benchmark begins with names the processor", async () => {
  assertMatch(await describeMachine(), /cores \(.+, with(out)? fsrm\)/);
});
