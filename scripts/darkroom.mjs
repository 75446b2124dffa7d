// `./darkroom …`, and `npm start`, which is `./darkroom start`. This file only checks the Node that reads it, in syntax that every Node with
// modules understands; what happens next is the list in bootstrap/darkroom.mjs.
const major = Number(process.versions.node.split(".")[0]);
if (major < 18) {
  console.error(
    "Darkroom fetches the Node it needs by itself, but wants Node 18 or newer to do so; this is " +
      process.version +
      ".",
  );
  process.exit(1);
}
void import("./bootstrap/darkroom.mjs").then(({ darkroom }) => darkroom(process.argv.slice(2)));
