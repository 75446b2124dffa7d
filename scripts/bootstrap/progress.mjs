const frames = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/**
 * Says what is being done while it is done, and how long it took: a spinner on a terminal, otherwise a line at the start, one every
 * 15 seconds (a CI log that is silent for longer looks hung), and one at the end.
 * @template T
 * @param {string} title such as "Fetching Node 26.10.0"
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function progress(title, work) {
  const out = process.stderr;
  const startedAt = Date.now();
  const seconds = () => `${Math.round((Date.now() - startedAt) / 1000)} s`;
  let frame = 0;
  const draw = () => out.write(`\r\x1b[2K${frames[frame++ % frames.length]} ${title} (${seconds()})`);
  const remind = () => out.write(`  … ${title} (${seconds()})\n`);

  if (!out.isTTY) out.write(`${title} …\n`);
  const timer = out.isTTY ? setInterval(draw, 100) : setInterval(remind, 15_000);
  let mark = "✗";
  try {
    const result = await work();
    mark = "✓";
    return result;
  } finally {
    clearInterval(timer);
    out.write(`${out.isTTY ? "\r\x1b[2K" : ""}${mark} ${title} (${seconds()})\n`);
  }
}
