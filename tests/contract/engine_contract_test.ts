import { openDenoEngine } from "../../src/io/deno/engine.ts";
import { openUringEngine } from "../../src/io/uring/engine.ts";
import { whyNoUringEngine } from "../helpers/uring_engine.ts";
import { engineContract } from "./engine_contract.ts";

const why = Deno.env.get("RCOPY_REQUIRE_URING") === "1" ? undefined : whyNoUringEngine();

engineContract("deno", openDenoEngine);
engineContract("uring", openUringEngine, { ignore: why === undefined ? undefined : `no io_uring: ${why}` });
