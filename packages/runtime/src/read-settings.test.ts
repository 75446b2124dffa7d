import { expect, test } from "vitest";
import { z } from "zod";
import { readSettings } from "./read-settings.ts";

const schema = z.object({
  PORT: z.coerce.number("must be a number").int().max(65_535, "must be at most 65535").default(4_000),
  SECRET: z.string().min(4, "must have at least 4 characters"),
});

test("an empty variable counts as not set", () => {
  expect(readSettings(schema, { PORT: "", SECRET: "long" })).toEqual({ PORT: 4_000, SECRET: "long" });
});

test("every variable at fault is named at once, and no value is repeated", () => {
  const read = () => readSettings(schema, { PORT: "99999", SECRET: "pw" });
  expect(read).toThrow("PORT: must be at most 65535\n  SECRET: must have at least 4 characters");
  expect(read).not.toThrow("pw:");
});

test("a missing variable is called required", () => {
  expect(() => readSettings(schema, {})).toThrow("SECRET: is required");
});
