/**
 * The suite that every engine must pass: the sentences of `src/io/contract/engine.ts`, held against `stat`, `find`, `cmp`
 * and `sha256sum`. One file a noun.
 */
import type { Engine } from "../../src/io/contract/engine.ts";
import { contractTest } from "./contract_case.ts";
import { creatingContract } from "./creating_contract.ts";
import { directoriesContract } from "./directories_contract.ts";
import { hostileContract } from "./hostile_contract.ts";
import { limitsContract } from "./limits_contract.ts";
import { listingContract } from "./listing_contract.ts";
import { ownFilesContract } from "./own_files_contract.ts";
import { placingContract } from "./placing_contract.ts";
import { readingContract } from "./reading_contract.ts";

/** Options of {@linkcode engineContract}. */
export interface EngineContractOptions {
  /** Why the engine cannot be had here: every test is skipped, and its name says so. */
  ignore?: string | undefined;
}

/** Registers the tests of the contract for one engine. */
export function engineContract(
  name: "deno" | "uring",
  open: () => Engine,
  options: EngineContractOptions = {},
): void {
  const test = contractTest({ name, open, why: options.ignore });
  listingContract(test);
  readingContract(test);
  creatingContract(test);
  placingContract(test);
  ownFilesContract(test);
  directoriesContract(test);
  hostileContract(test);
  limitsContract(test);
}
