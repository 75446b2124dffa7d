// Imported first by every file that a person starts with whatever Node is there, in syntax that every Node with modules understands: it says
// what is missing before a newer Node's syntax is read.
const major = Number(process.versions.node.split(".")[0]);
if (major < 18) {
  console.error(
    "Darkroom fetches the Node it needs by itself, but wants Node 18 or newer to do so; this is " +
      process.version +
      ".",
  );
  process.exit(1);
}
