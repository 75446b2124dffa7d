/**
 * Ends the process, and says why, where this Node is too old to run the bootstrap. To be called by every file that a person starts with
 * whatever Node is there, before it loads any other: this one is in syntax that every Node with modules understands.
 */
export function requireNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= 18) return;
  console.error(
    "Darkroom fetches the Node it needs by itself, but wants Node 18 or newer to do so; this is " +
      process.version +
      ".",
  );
  process.exit(1);
}
