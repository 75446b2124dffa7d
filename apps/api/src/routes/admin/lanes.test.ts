import { laneJobSchema, laneSchema } from "@darkroom/contracts";
import { joinWorker } from "@darkroom/redis/join-worker-fixture";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { startApi, type TestApi } from "../../api.fixture.ts";
import { heldWork, request } from "../../generation.fixture.ts";
import { askAdmin } from "./admin.fixture.ts";

const lane = "openai.interactive";
const lanesSchema = z.strictObject({ object: z.literal("list"), data: z.array(laneSchema.strict()) });
const jobsSchema = z.strictObject({
  object: z.literal("list"),
  data: z.array(laneJobSchema.strict()),
  total: z.int(),
  next: z.int().nullable(),
});

const readLane = async (api: TestApi) => {
  const { data } = lanesSchema.parse(await (await askAdmin(api, "GET", "/admin/lanes")).json());
  return data.find(({ id }) => id === lane);
};
const readJobs = async (api: TestApi, query = "") =>
  jobsSchema.parse(await (await askAdmin(api, "GET", `/admin/lanes/${lane}/jobs${query}`)).json());
const changeLane = async (api: TestApi, verb: string) => {
  const answer = await askAdmin(api, "POST", `/admin/lanes/${lane}/${verb}`);
  return laneSchema.strict().parse(await answer.json());
};

async function submit(api: TestApi, prompt = "a cat nobody may read of"): Promise<string> {
  const answer = await api.post({ ...request, prompt }, { headers: { prefer: "respond-async" } });
  expect(answer.status).toBe(202);
  return answer.headers.get("x-generation-id") ?? "";
}

test("the lanes of all models are shown with their figures and their workers", async () => {
  const api = await startApi();
  const slots = () => ({ lane, concurrency: 20, active: 0, paused: false });
  await joinWorker({ ...api, slots });
  await submit(api);
  await submit(api, "a dog");
  const { data } = lanesSchema.parse(await (await askAdmin(api, "GET", "/admin/lanes")).json());
  expect(data.map(({ id }) => id)).toEqual(expect.arrayContaining([lane, "openai.batch", "volcengine.interactive"]));
  expect(data.find(({ id }) => id === lane)).toEqual({
    object: "lane",
    id: lane,
    state: "open",
    draining: false,
    waiting: 2,
    active: 0,
    delayed: 0,
    oldest_seconds: expect.any(Number),
    closed_ms: 0,
    workers: 1,
    concurrency: 20,
  });
});

describe("jobs", () => {
  test("are shown by page in their order, with their tenant and age, and no prompt of them", async () => {
    const api = await startApi();
    const ids = [await submit(api, "1 secret"), await submit(api, "2 secret"), await submit(api, "3 secret")];
    const first = await readJobs(api, "?limit=2");
    expect(first).toMatchObject({ total: 3, next: 2 });
    const second = await readJobs(api, "?limit=2&from=2");
    expect(second).toMatchObject({ total: 3, next: null });
    const jobs = [...first.data, ...second.data];
    expect(jobs.map(({ id, position }) => [id, position])).toEqual(ids.map((id, i) => [id, i + 1]));
    expect(jobs[0]?.generation).toMatchObject({
      tenant: "acme",
      status: "queued",
      lane,
      model: "dall-e-2",
      error: null,
    });
    expect(JSON.stringify(jobs)).not.toContain("secret");
  });

  test("one whose record is damaged is shown without it, and hides no other", async () => {
    const api = await startApi();
    const [broken, whole] = [await submit(api), await submit(api, "a dog")];
    await api.redis.del(api.keys.record(broken));
    await api.redis.set(api.keys.record(broken), "no hash");
    const { data } = await readJobs(api);
    expect(data.map(({ id, generation }) => [id, generation?.id])).toEqual([
      [broken, undefined],
      [whole, whole],
    ]);
  });

  test("that run are shown as active, and a page beyond the end is empty", async () => {
    const api = await startApi();
    const held = heldWork(api);
    await api.work(held.work);
    const id = await submit(api);
    await held.begun;
    expect((await readJobs(api, "?state=active")).data).toMatchObject([{ id, generation: { status: "running" } }]);
    expect(await readJobs(api, "?from=7")).toMatchObject({ data: [], next: null });
    held.end();
  });

  test("400 for a state that is none, 404 for a lane that is none", async () => {
    const api = await startApi();
    expect((await askAdmin(api, "GET", `/admin/lanes/${lane}/jobs?state=lost`)).status).toBe(400);
    expect((await askAdmin(api, "GET", "/admin/lanes/open.interactive/jobs")).status).toBe(404);
    expect((await askAdmin(api, "POST", "/admin/lanes/open.interactive/pause")).status).toBe(404);
  });
});

test("a paused lane gives out no job and takes new ones, and a resumed one gives out all", async () => {
  const api = await startApi();
  const held = heldWork(api);
  await api.work(held.work);
  expect(await changeLane(api, "pause")).toMatchObject({ state: "paused", draining: false });
  await submit(api);
  expect(await readLane(api)).toMatchObject({ state: "paused", waiting: 1, active: 0 });
  expect(held.calls()).toBe(0);
  expect(await changeLane(api, "resume")).toMatchObject({ state: "open" });
  await held.begun;
  held.end();
});

test("a drained lane refuses new requests with 503 and Retry-After, finds earlier ones, and works off what waits", async () => {
  const api = await startApi();
  const held = heldWork(api);
  const id = await submit(api);
  expect(await changeLane(api, "drain")).toMatchObject({ state: "draining", draining: true, waiting: 1 });
  // What the next heartbeat of a process answers: see `join-fleet.ts`.
  api.drainedLanes.add(lane);
  const refused = await api.post({ ...request, prompt: "a new one" });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "30"]);
  expect((await refused.json()).error).toMatchObject({ code: "overloaded", message: expect.stringContaining(lane) });
  await api.work(held.work);
  await held.begun;
  held.end();
  await expect.poll(async () => (await readLane(api))?.active).toBe(0);
  expect((await (await api.call(`/v1/generations/${id}`)).json()).status).toBe("succeeded");
  expect(await changeLane(api, "resume")).toMatchObject({ state: "open", draining: false });
});
