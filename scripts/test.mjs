// `npm test` and `npm run test:faults`: the same bootstrap as `npm start`, then a script of package.json; the checks and tests when none is named.
import "./bootstrap/require-node.mjs";

void import("./bootstrap/test.mjs").then(({ test }) => test(process.argv[2] ?? "check"));
