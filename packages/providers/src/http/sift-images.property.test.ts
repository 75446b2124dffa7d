import { hash } from "node:crypto";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { createSpool } from "../spool/spool.ts";
import { sha256Of } from "../spool/spooled-bytes.ts";
import { parseJson } from "./parse-json.ts";
import { createReplyImages, InlineImage } from "./reply-images.ts";
import { shortestImage, siftImages } from "./sift-images.ts";

const call = { signal: new AbortController().signal, clock: { stop: () => {}, start: () => {} } };

/** What a text reads as when it arrives in these chunks: the parsed JSON, with the hash and label of each image in its place. */
async function readIn(chunks: Buffer[], isEvents = false) {
  const spool = createSpool();
  const images = createReplyImages({ spool, maxImageBytes: 64 * 1024 * 1024 });
  onTestFinished(() => images.discard());
  const arriving = (async function* () {
    for (const chunk of chunks) yield chunk;
  })();
  const text: Buffer[] = [];
  for await (const part of siftImages(arriving, { images, guest: spool.newGuest(call), isEvents })) text.push(part);
  const sifted = Buffer.concat(text).toString();
  const read = (part: string) =>
    JSON.stringify(parseJson(part, images), (_key, value: unknown) =>
      value instanceof InlineImage
        ? { image: value.bytes && sha256Of(value.bytes), bytes: value.bytes?.byteLength, label: value.label }
        : value,
    );
  const result = isEvents ? sifted.split(/[\r\n]+/).map((line) => read(line.replace(/^data: /, ""))) : read(sifted);
  await images.discard();
  expect(spool.usedBytes()).toBe(0);
  return { result, textLength: sifted.length };
}

/** The same text in chunks that end at `places`, each between 0 and 1. */
function cutAt(text: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...places.map((place) => Math.floor(place * text.length)), text.length].toSorted((a, b) => a - b);
  return ends.map((end, i) => text.subarray(ends[i - 1] ?? 0, end));
}

const bytes = (size: fc.Arbitrary<number>) =>
  fc.tuple(size, fc.nat()).map(([length, seed]) => {
    const made = Buffer.alloc(length);
    for (let at = 0, state = seed; at < length; at++)
      made[at] = (state = (state * 1_103_515_245 + 12_345) >>> 0) >>> 16;
    return made;
  });

/** How servers write base64 into JSON. */
const spellings: ((base64: string) => string)[] = [
  (base64) => base64,
  (base64) => base64.replaceAll("/", "\\/"),
  (base64) => base64.replaceAll("+", "\\u002B").replaceAll("=", "\\u003d"),
  (base64) => base64.replace(/.{76}/g, "$&\\r\\n"),
  (base64) => base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""),
  (base64) => `data:image/png;base64,${base64}`,
  (base64) => `data:image\\/webp;base64,data:image\\/webp;base64,${base64.replaceAll("/", "\\/")}`,
];
const image = fc
  .tuple(bytes(fc.integer({ min: shortestImage, max: 400_000 })), fc.constantFrom(...spellings))
  .map(([content, spell]) => ({ content, json: `"${spell(content.toString("base64"))}"` }));
const small = bytes(fc.integer({ min: 0, max: 9_000 })).map((content) => ({ json: `"${content.toString("base64")}"` }));
const words = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.string({ maxLength: 40 }).map((text) => text.repeat(3_000)),
  )
  .map((text) => ({ json: JSON.stringify(text) }));
const other = fc.jsonValue().map((value) => ({ json: JSON.stringify(value) }));
const field = fc.tuple(
  fc.constantFrom("b64_json", "url", "revised_prompt", 'a "key"', "data"),
  fc.oneof(image, small, words, other),
);
const reply = fc
  .tuple(fc.array(field, { minLength: 1, maxLength: 6 }), fc.constantFrom("", " ", "\n  "))
  .map(([fields, blank]) => ({
    images: fields.flatMap(([, value]) => ("content" in value ? [value.content] : [])),
    text: Buffer.from(
      `[${fields.map(([key, { json }]) => `${blank}{${JSON.stringify(key)}:${blank}${json}}`).join(",")}]`,
    ),
  }));

test("any cut of a reply into chunks gives what the whole gives, with every image as it was sent", async () => {
  const places = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(reply, places, async ({ text, images }, cuts) => {
      const whole = await readIn([text]);
      const cut = await readIn(cutAt(text, cuts));
      expect(cut).toEqual(whole);
      for (const content of images) expect(whole.result).toContain(hash("sha256", content));
    }),
    { numRuns: 60 },
  );
});

test("a reply that comes byte by byte gives what the whole gives", async () => {
  const content = Buffer.concat(Array.from({ length: 40 }, (_, i) => Buffer.from(hash("sha512", `${i}`, "buffer"))));
  const base64 = Buffer.concat([content, content, content, content, content, content]).toString("base64");
  for (const spell of spellings) {
    const text = Buffer.from(`{"é": "\\\\", "data":[{"b64_json":"${spell(base64)}","revised_prompt":"\\"a cat\\\\"}]}`);
    const whole = await readIn([text]);
    expect(await readIn(Array.from(text, (byte) => Buffer.of(byte)))).toEqual(whole);
    expect(whole.textLength).toBeLessThan(300);
  }
});

test("events give the same in any cut, and a line that breaks off within a string harms no other", async () => {
  const base64 = Buffer.from(hash("sha512", "seed", "buffer"))
    .toString("base64")
    .slice(0, 84)
    .repeat(300);
  const lines = [
    `: it said "hello`,
    `data: {"b64_json":"${base64}`,
    `data: {"b64_json":"${base64}","n":1}`,
    "",
    `data: {"n":2}`,
  ];
  const text = Buffer.from(lines.join("\r\n"));
  const whole = await readIn([text], true);
  expect(whole.result.at(-2)).toContain(hash("sha256", Buffer.from(base64, "base64")));
  expect(whole.result.at(-1)).toBe(`{"n":2}`);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 }), async (cuts) => {
      expect(await readIn(cutAt(text, cuts), true)).toEqual(whole);
    }),
    { numRuns: 40 },
  );
});
