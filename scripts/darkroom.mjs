// `./darkroom …`, and `npm start`, which is `./darkroom start`. What happens next is the list in bootstrap/darkroom.mjs.
import { requireNode } from "./bootstrap/require-node.mjs";

requireNode();
void import("./bootstrap/darkroom.mjs").then(({ darkroom }) => darkroom(process.argv.slice(2)));
