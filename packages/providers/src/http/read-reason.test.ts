import { expect, test, vi } from "vitest";
import { readReason } from "./read-reason.ts";

/** An object of more fields than can be listed in time. */
function vast<T extends object>(fields: T): T {
  return new Proxy(fields, {
    ownKeys: () => {
      throw new Error("Its fields were listed.");
    },
  });
}

test("an object of any number of fields is read without going through them", () => {
  const error = vast({ code: "invalid_value", message: "The size is odd.", param: "size", innererror: vast({}) });
  expect(readReason(vast({ error }), [])).toMatchObject({
    codes: ["invalid_value"],
    message: "The size is odd.",
    param: "size",
  });
});

test("of the JSON in an error's words, a bounded part is parsed", () => {
  const parse = vi.spyOn(JSON, "parse");
  const packed = `[${"1,".repeat(1_000_000)}1]`;
  const parsed = () => parse.mock.calls.reduce((sum, [text]) => sum + text.length, 0);
  const wrapped = (depth: number): object =>
    depth === 0
      ? { message: packed }
      : { error: wrapped(depth - 1), message: packed, detail: packed, errors: Array<unknown>(10).fill(packed) };
  readReason(wrapped(4), []);
  expect(parsed()).toBeLessThan(5_000_000);
});

test("of a body that is nested and wide, a bounded part is looked at", () => {
  let looked = 0;
  const looking = (fields: object) =>
    new Proxy(fields, { get: (target, name) => (++looked, Reflect.get(target, name) as unknown) });
  const tree = (depth: number): object => {
    const inner = depth === 0 ? {} : tree(depth - 1);
    const all = { error: inner, message: inner, msg: inner, detail: inner, innererror: inner, inner_error: inner };
    return looking({ ...all, errors: Array<object>(10).fill(inner), code: "wide" });
  };
  expect(readReason(tree(5), [])?.codes).toContain("wide");
  expect(looked).toBeLessThan(50_000);
});

test("a prompt of the longest that is taken may stand in an error that a gateway has packed", () => {
  const quoted = "\\u732b".repeat(32_000);
  const message = `{"error":{"code":"content_filter","message":"No: ${quoted}"}}`;
  expect(readReason({ error: { message } }, [])).toMatchObject({
    codes: ["content_filter"],
    message: expect.stringMatching(/^No: 猫+…$/),
  });
});

test("of what a safety system found, ten words are told", () => {
  const categories = Array.from({ length: 100_000 }, (_, index) => `category ${index}`);
  const told = readReason({ error: { code: "x", moderation_details: { categories } } }, [])?.categories;
  expect(told).toEqual(categories.slice(0, 10));
});

test("errors nested beyond all measure are none", () => {
  let body: object = { message: "deep" };
  for (let depth = 0; depth < 100_000; depth++) body = { error: body };
  expect(readReason(body, [])).toBeUndefined();
});
