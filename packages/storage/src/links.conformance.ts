import { expect, test } from "vitest";
import { StorageError } from "./storage-error.ts";
import type { ObjectStore } from "./object-store.ts";

const png = { contentType: "image/png" };

type LinkSurroundings = {
  store: () => ObjectStore;
  /** A key that is removed after the tests. */
  newKey: () => string;
  /** Turns the clock of the store back, or forward where it is negative. */
  turnBackMs: (ms: number) => void;
};

/** What the links of every `ObjectStore` must do. */
export function describeLinks({ store, newKey, turnBackMs }: LinkSurroundings): void {
  test("a link answers GET without credentials, with the right bytes and content type", async () => {
    const key = newKey();
    await store().put(key, Buffer.from("an image"), png);
    const response = await fetch(await store().link(key, { expiresInSeconds: 60 }));
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
      200,
      "image/png",
      "an image",
    ]);
  });

  test("a link is refused when its time is over, when it was changed, and when its object is gone", async () => {
    const [key, other] = [newKey(), newKey()];
    for (const each of [key, other]) await store().put(each, Buffer.from("an image"), png);
    const link = await store().link(key, { expiresInSeconds: 60 });
    expect(await statusOf(link)).toBe(200);
    expect(await statusOf(link.replace(key, other))).toBe(403);
    expect(await statusOf(link.replace(/(expires=\d*)/i, "$10"))).toBe(403);
    expect(
      await statusOf(
        link.replace(/(signature=)(.)/i, (_, name: string, first: string) => name + (first === "x" ? "y" : "x")),
      ),
    ).toBe(403);
    expect(await statusOf(link.replace(/\?.*/, ""))).toBe(403);

    turnBackMs(3_600_000);
    const old = await store().link(key, { expiresInSeconds: 60 });
    turnBackMs(-3_600_000);
    expect(await statusOf(old)).toBe(403);

    await store().delete([key]);
    expect(await statusOf(link)).toBe(404);
  });

  test.each([0, -1, 1.5, Number.NaN, 604_801])("a link of %d seconds is refused", async (expiresInSeconds) => {
    await expect(store().link(newKey(), { expiresInSeconds })).rejects.toBeInstanceOf(StorageError);
  });
}

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url);
  await response.text();
  return response.status;
}
