/** Many connections that stall: rows C6 and C7 of the table in README.md. The task `soak:flood` does it with 10,000. */
import { testWhere } from "../helpers/test_folder.ts";
import { floodWhileCopying, judgeFlood } from "./flooding.ts";

const connections = 2000;

testWhere(
  {},
  `C7: ${connections} connections that stall get no answer, and copies go on meanwhile`,
  async () => {
    const options = { connections, megabytes: 16, copiesAlone: 1, copiesFlooded: 6 };
    judgeFlood(connections, await floodWhileCopying(options));
  },
);
