/** The account of the stages alone: what it adds to a frame. */
import { StageAccount } from "../../src/transfer/session/stage_account.ts";

const account = new StageAccount();

Deno.bench("one reading of the clock", () => {
  performance.now();
});

Deno.bench("book one stage, with its reading before", () => {
  account.book("read", performance.now());
});

/** A frame of 4 MiB inside TLS comes in so many reads, with two readings of the clock each. */
const readsOfFrame = 256;

Deno.bench("the account of a frame of 4 MiB inside TLS", () => {
  let readCallMs = 0;
  for (let i = 0; i < readsOfFrame; i++) {
    const began = performance.now();
    readCallMs += performance.now() - began;
  }
  account.split("network", performance.now() - readCallMs, readCallMs);
  for (let i = 0; i < 7; i++) account.book("place", performance.now());
});
