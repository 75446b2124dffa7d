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

describe("a key that is stopped", () => {
  test.each([
    ["disabled", "PATCH", { status: "disabled" }],
    ["deleted", "DELETE", undefined],
  ])("has nothing drawn that is queued: %s", async (_, method, body) => {
    const api = await startApi();
    const { keyId, id, waiting } = await openWaiting(api);
    await askAdmin(api, method, `/admin/keys/${keyId}`, body);
    const held = heldWork(api);
    await api.work(held.work);
    const reason = `The generation ${id} was canceled before it was begun: its API key is no longer in use. Nothing was generated.`;
    const answer = await waiting;
    expect(answer.headers.get("x-generation-cost")).toBe("0");
    expect(await outcomeOf(answer)).toEqual({
      status: 409,
      code: "conflict",
      message: reason,
      shouldRetry: "false",
      retryAfter: null,
    });
    // Its tenant is told the same, by another key.
    const shown = await generationIn(await api.call(`/v1/generations/${id}`));
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
    held.end();
    expect((await waiting).status).toBe(200);
    expect(await generationIn(await api.call(`/v1/generations/${id}`))).toMatchObject({ status: "succeeded" });
  });

  test("that is enabled again has it drawn", async () => {
    const api = await startApi();
    const { keyId, waiting } = await openWaiting(api);
    await askAdmin(api, "PATCH", `/admin/keys/${keyId}`, { status: "disabled" });
    await askAdmin(api, "PATCH", `/admin/keys/${keyId}`, { status: "active" });
    await api.work(drawing(api.store, imageBytes));
    expect((await waiting).status).toBe(200);
  });
});
