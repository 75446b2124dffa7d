// `npm test` and `npm run test:faults`: the same bootstrap as `npm start`, then a script of package.json; the checks and tests when none is named.
// See darkroom.mjs for why this file is so small.
const major = Number(process.versions.node.split(".")[0]);
if (major < 18) {
  console.error(
    "Darkroom fetches the Node it needs by itself, but wants Node 18 or newer to do so; this is " +
      process.version +
      ".",
  );
  process.exit(1);
}
void import("./bootstrap/test.mjs").then(({ test }) => test(process.argv[2] ?? "check"));
