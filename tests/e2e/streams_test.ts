/** Several data connections, in threads of their own and in the main one. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { copyTree } from "../helpers/rcopy_process.ts";
