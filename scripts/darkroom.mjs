// `./darkroom …`, and `npm start`, which is `./darkroom start`. What happens next is the list in bootstrap/darkroom.mjs.
import "./bootstrap/require-node.mjs";

void import("./bootstrap/darkroom.mjs").then(({ darkroom }) => darkroom(process.argv.slice(2)));
