import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { orAborted } from "./or-aborted.ts";

const never = new Promise<never>(() => {});
const reason = new Error("canceled by its owner");

test("a call that is not aborted ends as it ends, and leaves no listener", async () => {
  const { signal } = new AbortController();
  expect(await orAborted(Promise.resolve("done"), signal)).toBe("done");
  await expect(orAborted(Promise.reject(reason), signal)).rejects.toBe(reason);
  expect(getEventListeners(signal, "abort")).toEqual([]);
});

test("an abort ends the wait at once, with its reason", async () => {
  const controller = new AbortController();
  const wait = orAborted(never, controller.signal);
  controller.abort(reason);
  await expect(wait).rejects.toBe(reason);
  await expect(orAborted(never, controller.signal)).rejects.toBe(reason);
});

test("a call that fails after the abort fails in silence", async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  await expect(orAborted(promise, AbortSignal.abort(reason))).rejects.toBe(reason);
  reject(new Error("too late to tell"));
  await Promise.resolve();
});
