/** Bytes as base64, chunk by chunk. Three bytes make four characters; the remainder goes into the next chunk. */
export async function* base64Chunks(bytes: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  for await (const chunk of bytes) {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = all.length - (all.length % 3);
    if (whole > 0) yield all.toString("base64", 0, whole);
    // A copy: a view would keep the whole chunk in memory.
    rest = Buffer.from(all.subarray(whole));
  }
  if (rest.length > 0) yield rest.toString("base64");
}
