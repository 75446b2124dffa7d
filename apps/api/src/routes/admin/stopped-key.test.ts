import { describe, expect, test } from "vitest";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { generationIn, heldWork, imageBytes, request } from "../../generation.fixture.ts";
import { outcomeOf } from "../../limited-key.fixture.ts";
import { askAdmin, makeKey } from "./admin.fixture.ts";
import { drawing } from "../../worker.fixture.ts";

/** A key with a generation under way, whose caller waits for it. */
async function openWaiting(api: TestApi) {
  const { key, id: keyId } = await makeKey(api);
  const submitted = api.nextSubmission();
  const waiting = api.generate(request, { headers: { authorization: `Bearer ${key}` } });
  return { keyId, id: await submitted, waiting };
}

/** What the caller that waits is told: its key may hear nothing more. */
const stopped = (id: string) => ({
  status: 401,
  code: "invalid_api_key",
  message: expect.stringContaining(id),
  shouldRetry: "false",
  retryAfter: null,
});

/** The generation when it has ended, by another key of the tenant. */
const endOf = async (api: TestApi, id: string) =>
  generationIn(await api.call(`/v1/generations/${id}`, { headers: { prefer: "wait=30" } }));

describe("a key that is stopped", () => {
  test.each([
    ["disabled", "PATCH", { status: "disabled" }],
    ["deleted", "DELETE", undefined],
  ])("has nothing drawn that is queued: %s", async (_, method, body) => {
    const api = await startApi();
    const { keyId, id, waiting } = await openWaiting(api);
    await askAdmin(api, method, `/admin/keys/${keyId}`, body);
    expect(await outcomeOf(await waiting)).toEqual(stopped(id));
    const held = heldWork(api);
    await api.work(held.work);
    const reason = `The generation ${id} was canceled before it was begun: its API key is no longer in use. Nothing was generated.`;
    // Its tenant is told by another key.
    const shown = await endOf(api, id);
    expect(shown).toMatchObject({ status: "canceled", cost: 0, attempts: 0, error: { message: reason } });
    expect(held.calls()).toBe(0);
  });

  test("has what runs finished: it may be paid for", async () => {
    const api = await startApi();
    const held = heldWork(api);
    await api.work(held.work);
    const { keyId, id, waiting } = await openWaiting(api);
    await held.begun;
    await askAdmin(api, "DELETE", `/admin/keys/${keyId}`);
    expect(await outcomeOf(await waiting)).toEqual(stopped(id));
    held.end();
    expect(await endOf(api, id)).toMatchObject({ status: "succeeded" });
  });

  test("that is enabled again has it drawn", async () => {
    const api = await startApi();
    const { keyId, id, waiting } = await openWaiting(api);
    await askAdmin(api, "PATCH", `/admin/keys/${keyId}`, { status: "disabled" });
    expect(await outcomeOf(await waiting)).toEqual(stopped(id));
    await askAdmin(api, "PATCH", `/admin/keys/${keyId}`, { status: "active" });
    await api.work(drawing(api.store, imageBytes));
    expect(await endOf(api, id)).toMatchObject({ status: "succeeded" });
  });
});
