import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createFileNamer } from "./file-namer.ts";

/** The names of lines with an image each. */
function namesOf(...customIds: string[]): string[] {
  const namer = createFileNamer();
  return customIds.flatMap((customId) => namer(customId, 1));
}

test.each([
  ["line-00001", "line-00001"],
  ["猫 on a mat.v2", "猫 on a mat.v2"],
  ["a/b", "a_b"],
  ["../../etc/passwd", "_.._etc_passwd"],
  ["..", "_"],
  [".", "_"],
  [".hidden", "_hidden"],
  ["-rf", "_rf"],
  ["C:\\x", "C_x"],
  ["CON", "CON_"],
  ["a\u0000b\nc", "a_b c"],
  ["x. ", "x"],
  ["猫".repeat(300), "猫".repeat(40)],
  ["x".repeat(300), "x".repeat(120)],
  [`a.${"x".repeat(300)}`, `a.${"x".repeat(118)}`],
])("%j is called %j", (customId, name) => {
  expect(namesOf(customId)).toEqual([name]);
});

test("several images have numbers, one has none", () => {
  const namer = createFileNamer();
  expect([namer("a", 3), namer("b", 1)]).toEqual([["a-0", "a-1", "a-2"], ["b"]]);
});

test("names that a file system could take for the same one differ", () => {
  const names = namesOf("a", "A", "é", "e\u0301", "straße", "STRASSE", "x/y", "x:y", "z".repeat(200), "z".repeat(201));
  expect(names.slice(0, 2)).toEqual(["a", expect.stringMatching(/^A-[0-9a-f]{8}$/)]);
  expect(new Set(names.map((name) => name.normalize("NFC").toUpperCase())).size).toBe(names.length);
});

test("a line of several images leaves the names of others alone", () => {
  const namer = createFileNamer();
  expect(namer("a-0", 1)).toEqual(["a-0"]);
  expect(namer("a", 2)).toEqual([
    expect.stringMatching(/^a-[0-9a-f]{8}-0$/),
    expect.stringMatching(/^a-[0-9a-f]{8}-1$/),
  ]);
});

test("whatever the ids are: one path component, under 255 bytes, never the same twice, and the same in each run", () => {
  const customId = fc.oneof(
    fc.string({ unit: "binary", minLength: 1, maxLength: 300 }),
    fc.string({ unit: fc.constantFrom("a", "A", ".", "/", "-", "0", "é", " ", "\uD800"), minLength: 1, maxLength: 5 }),
  );
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(customId, fc.integer({ min: 1, max: 3 })), { selector: ([id]) => id }),
      (lines) => {
        const run = () => {
          const namer = createFileNamer();
          return lines.flatMap(([id, images]) => namer(id, images));
        };
        const names = run();
        for (const name of names) {
          expect(name).toMatch(/^[^./\\:*?"<>|\p{Cc}-][^/\\:*?"<>|\p{Cc}]*$/u);
          expect(Buffer.byteLength(`${name}.webp`)).toBeLessThan(255);
        }
        expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
        expect(run()).toEqual(names);
      },
    ),
  );
});
