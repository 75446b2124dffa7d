// `npm test` and `npm run test:faults`: the same bootstrap as `npm start`, then a script of package.json; the checks and tests when none is named.
import { requireNode } from "./bootstrap/require-node.mjs";

requireNode();
void import("./bootstrap/test.mjs").then(({ test }) => test(process.argv[2] ?? "check"));
