// `npm test`: the same bootstrap as `npm start`, then every check and every test. See darkroom.mjs for why this file is so small.
const major = Number(process.versions.node.split(".")[0]);
if (major < 18) {
  console.error(
    "Darkroom fetches the Node it needs by itself, but wants Node 18 or newer to do so; this is " +
      process.version +
      ".",
  );
  process.exit(1);
}
void import("./bootstrap/test.mjs").then(({ test }) => test());
