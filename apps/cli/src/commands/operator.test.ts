import { describe, expect, test } from "vitest";
import { z } from "zod";
import { runDarkroom } from "../stubs/run-darkroom.ts";
import { type Asked, startStubService } from "../stubs/stub-service.ts";

const lane = {
  object: "lane",
  id: "openai.interactive",
  state: "paused",
  draining: false,
  waiting: 12,
  active: 3,
  delayed: 1,
  oldest_seconds: 75,
  closed_ms: 0,
  workers: 2,
  concurrency: 40,
};
const generation = {
  object: "admin.generation",
  id: "gen_1",
  status: "queued",
  model: "gpt-image-2",
  created_at: 1_796_000_000,
  started_at: null,
  completed_at: null,
  expires_at: null,
  tenant: "acme",
  key_id: "key_1",
  lane: "openai.interactive",
  batch_id: null,
  age_seconds: 90,
  attempts: 0,
  failures: 0,
  rate_limits: 0,
  resumes_at: null,
  error: null,
};
const worker = {
  object: "process",
  id: "worker-1",
  kind: "worker",
  state: "running",
  host: "node-7",
  pid: 42,
  version: "0.1.0",
  since: 1_796_000_000,
  last_seen: 1_796_000_100,
  active: 3,
  lanes: [{ lane: "openai.interactive", concurrency: 20, active: 3, paused: false }],
};
/** What a change is asked with. */
const changeSchema = z.object({ dry_run: z.boolean(), after: z.string().optional() });
const list = (...data: object[]) => ({ object: "list", data });

async function run(args: string[], answer: (asked: Asked) => object) {
  const service = await startStubService((asked) => ({ body: answer(asked) }));
  const env = { DARKROOM_URL: service.url, DARKROOM_ADMIN_KEY: "admin-secret" };
  const ran = await runDarkroom(args, env);
  return { ...ran, asked: service.asked.map(({ line }) => line), bodies: service.asked.map(({ body }) => body) };
}

describe("lanes", () => {
  test("shows each lane with its jobs and workers, with and without `list`", async () => {
    for (const args of [["lanes"], ["lanes", "list"]]) {
      const ran = await run(args, () => list(lane));
      expect(ran).toMatchObject({ code: 0, asked: ["GET /admin/lanes"] });
      expect(ran.stdout).toMatch(/openai\.interactive \| paused +\| +12 \| +3 \| +1 \| 1m 15s \| +2 \| +40/);
    }
  });

  test("pause, drain and resume say what the lane is then", async () => {
    const ran = await run(["lanes", "pause", "openai.interactive"], () => lane);
    expect(ran).toMatchObject({ code: 0, asked: ["POST /admin/lanes/openai.interactive/pause"] });
    expect(ran.stderr).toContain("openai.interactive is paused: 12 waiting, 3 active.");
    expect((await run(["lanes", "drain", "a"], () => lane)).asked).toEqual(["POST /admin/lanes/a/drain"]);
    expect((await run(["lanes", "resume", "a"], () => lane)).asked).toEqual(["POST /admin/lanes/a/resume"]);
  });

  test("jobs shows a page, and one whose record cannot be read without its tenant", async () => {
    const job = { object: "lane.job", state: "waiting" };
    const jobs = [
      { ...job, id: "gen_1", position: 1, generation },
      { ...job, id: "gen_2", position: 2, generation: null },
    ];
    const page = { ...list(...jobs), total: 5, next: 2 };
    const ran = await run(["lanes", "jobs", "openai.interactive", "--limit", "2"], () => page);
    expect(ran.asked).toEqual(["GET /admin/lanes/openai.interactive/jobs?state=waiting&from=0&limit=2"]);
    expect(ran.stdout).toMatch(/1 \| gen_1 \| acme +\| gpt-image-2 \| 1m 30s \| +0/);
    expect(ran.stdout).toContain("gen_2");
    expect(ran.stderr).toContain("5 in all. Continue with --from 2.");
  });
});

describe("providers", () => {
  const deployment = {
    object: "deployment",
    id: "main",
    model: "gpt-image-2",
    provider: "openai",
    address: null,
    upstream_model: null,
    priority: 1,
    weight: 3,
    limits: { requests_per_minute: null, images_per_minute: 100, concurrency: 20 },
    state: "closed",
    closed_ms: 12_000,
    closed_for: "limit",
    failures: 0,
    under_way: 4,
    requests_last_minute: 61,
    images_last_minute: 97,
    call_ms: 18_000,
    workers: 2,
  };

  test("shows what of each limit is in use, which are closed and why, and who refuses the file", async () => {
    const mistakes = [{ process: "worker-2", lines: ["deployments.yaml:3:1: unknown key"] }];
    const ran = await run(["providers"], () => ({ ...list(deployment), mistakes }));
    expect(ran).toMatchObject({ code: 0, asked: ["GET /admin/providers"] });
    expect(ran.stdout).toMatch(
      /gpt-image-2 \| main +\| +1 \| +3 \| closed 12s \(rate limit\) \| 4\/20 +\| +61 \| 97\/100 \| 18s +\| +2/,
    );
    expect(ran.stderr).toContain("worker-2 does not take the file as it is now: deployments.yaml:3:1: unknown key");
  });

  test.each([
    [{ ...deployment, state: "open" }, "| open "],
    [{ ...deployment, state: "trying", closed_for: "failures" }, "| tried again (failures) "],
  ])("shows one that is not closed", async (shown, text) => {
    expect((await run(["providers"], () => ({ ...list(shown), mistakes: [] }))).stdout).toContain(text);
  });

  test("says where there are none", async () => {
    const ran = await run(["providers"], () => ({ ...list(), mistakes: [] }));
    expect(ran.stderr).toContain("DEPLOYMENTS_FILE");
  });
});

describe("processes and drain", () => {
  test("processes shows what each does", async () => {
    const ran = await run(["processes"], () => list(worker));
    for (const text of ["worker-1", "node-7", "0.1.0", "openai.interactive 3/20"]) expect(ran.stdout).toContain(text);
  });

  test("processes shows a clock that is far off", async () => {
    const ran = await run(["processes"], () =>
      list({ ...worker, clock_ahead_seconds: -600 }, { ...worker, id: "worker-2", clock_ahead_seconds: 2 }),
    );
    expect(ran.stdout).toMatch(/worker-1 \| worker \| running, clock 600 s behind \|/);
    expect(ran.stdout).toMatch(/worker-2 \| worker \| running +\|/);
  });

  test("drain --wait ends when the process is gone", async () => {
    let looks = 0;
    const ran = await run(["drain", "worker-1", "--wait"], ({ line }) =>
      line.startsWith("POST")
        ? { object: "process", id: "worker-1", draining: true }
        : list(...(looks++ === 0 ? [worker] : [])),
    );
    expect(ran.code).toBe(0);
    expect(ran.asked).toEqual(["POST /admin/processes/worker-1/drain", "GET /admin/processes", "GET /admin/processes"]);
    expect(ran.stderr).toContain("worker-1 has ended.");
  });
});

describe("generations", () => {
  const action = { object: "generations.action", action: "cancel", failed: [], unreadable: [] };

  test("find goes on from page to page until there are as many as asked for", async () => {
    const ran = await run(
      ["generations", "find", "--tenant", "acme", "--error", "upstream_error", "--limit", "2"],
      ({ line }) => ({
        ...list(generation),
        unreadable: [],
        next: line.includes("after") ? null : "acme/gen_1",
      }),
    );
    expect(ran.asked).toEqual([
      "GET /admin/generations?tenant=acme&error_code=upstream_error&limit=2",
      "GET /admin/generations?tenant=acme&error_code=upstream_error&limit=1&after=acme%2Fgen_1",
    ]);
    expect(ran.stdout.match(/gen_1/g)).toHaveLength(2);
  });

  test("why prints the sentence", async () => {
    const why = "The lane openai.interactive is paused, and no worker takes a job from it until it is resumed.";
    const ran = await run(["generations", "why", "gen_1"], () => ({
      ...generation,
      position: 4,
      reason: "lane_paused",
      why,
    }));
    expect(ran.stdout.trim()).toBe(why);
  });

  test("why tells which deployments were asked, and what came of it", async () => {
    const call = {
      attempt: 1,
      upstream: "a",
      started_at: 1,
      duration_ms: 200,
      outcome: "limited",
      may_have_charged: false,
    };
    const calls = [
      call,
      { ...call, upstream: "b", duration_ms: 21_000, outcome: "failed", may_have_charged: true },
      { ...call, attempt: 2, upstream: "c", duration_ms: null, outcome: null, may_have_charged: true },
    ];
    const answer = { ...generation, position: null, reason: "running", why: "A worker runs it.", calls };
    const ran = await run(["generations", "why", "gen_1"], () => answer);
    expect(ran.stdout.trim().split("\n")).toEqual([
      "A worker runs it.",
      expect.stringMatching(/^Attempt 1 asked a: limited after \S+\.$/),
      expect.stringMatching(/^Attempt 1 asked b: failed after 21s; it may have been charged\.$/),
      "Attempt 2 asked c: it has not ended, or its worker died; it may have been charged.",
    ]);
  });

  test("cancel counts all pages first, and then changes no more than that, up to the same time", async () => {
    const ran = await run(["generations", "cancel", "--tenant", "acme", "--yes"], ({ body }) => {
      const { dry_run: isDryRun, after } = changeSchema.parse(body);
      const filter = { tenant: "acme", created_before: 1_796_000_000 };
      const counts = isDryRun ? { matched: 2, done: 0 } : { matched: 2, done: 2 };
      return { ...action, dry_run: isDryRun, filter, ...counts, next: after === undefined ? "acme/gen_2" : null };
    });
    const filter = { tenant: "acme", created_before: 1_796_000_000 };
    expect(ran.bodies).toEqual([
      { dry_run: true, filter: { tenant: "acme" } },
      { dry_run: true, filter, after: "acme/gen_2" },
      { dry_run: false, filter, at_most: 4 },
      { dry_run: false, filter, at_most: 2, after: "acme/gen_2" },
    ]);
    expect(ran.stderr).toContain("4 of 4 generations are canceled.");
  });

  test("cancel changes nothing without --yes where there is no terminal", async () => {
    const answer = { ...action, dry_run: true, filter: {}, matched: 1, done: 0, next: null };
    const ran = await run(["generations", "cancel"], () => answer);
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toContain("--yes is required");
    expect(ran.bodies).toEqual([{ dry_run: true, filter: {} }]);
  });

  test("what could not be changed is told, and the exit code is 1", async () => {
    const failed = [{ id: "gen_2", code: "conflict", message: "It has ended meanwhile." }];
    const ran = await run(["generations", "retry", "--yes"], ({ body }) => {
      const { dry_run: isDryRun } = changeSchema.parse(body);
      const counts = isDryRun ? { matched: 2, done: 0 } : { matched: 2, done: 1, failed };
      return {
        ...action,
        action: "retry",
        dry_run: isDryRun,
        filter: {},
        next: null,
        unreadable: ["gen_3"],
        ...counts,
      };
    });
    expect(ran.code).toBe(1);
    for (const text of ["1 of 2 generations are queued again.", "gen_2: It has ended meanwhile.", "gen_3"])
      expect(ran.stderr).toContain(text);
  });
});

describe("webhooks", () => {
  const delivery = {
    object: "webhook.delivery",
    id: "whd_1",
    tenant: "acme",
    key_id: "key_1",
    type: "generation.failed",
    generation_id: "gen_1",
    batch_id: null,
    url: "https://hooks.example.com/in",
    status: "dead",
    attempts: 9,
    created_at: 1_796_000_000,
    next_attempt_at: null,
    last_answer: "It answered 500.",
  };

  test("list shows those that were given up, page after page, and names what cannot be read", async () => {
    const ran = await run(["webhooks", "list", "--tenant", "acme", "--limit", "2"], ({ line }) => ({
      ...list(delivery),
      unreadable: line.includes("after") ? ["whd_9"] : [],
      next: line.includes("after") ? null : "acme/whd_1",
    }));
    expect(ran.asked).toEqual([
      "GET /admin/webhooks/deliveries?status=dead&tenant=acme&limit=2",
      "GET /admin/webhooks/deliveries?status=dead&tenant=acme&limit=1&after=acme%2Fwhd_1",
    ]);
    expect(
      ran.stdout.match(/whd_1 \| acme +\| gen_1 .* 9 \| https:\/\/hooks.example.com\/in \| It answered 500\./g),
    ).toHaveLength(2);
    expect(ran.stderr).toContain("Deliveries that cannot be read: whd_9.");
  });

  test("none is said aloud, and another state may be asked for", async () => {
    const ran = await run(["webhooks", "--status", "off"], () => ({ ...list(), unreadable: [], next: null }));
    expect(ran).toMatchObject({ code: 0, asked: ["GET /admin/webhooks/deliveries?status=off&limit=50"] });
    expect(ran.stderr).toContain("No webhook is off.");
  });

  test("replay sends each again", async () => {
    const ran = await run(["webhooks", "replay", "whd_1", "whd_2"], () => delivery);
    expect(ran.asked).toEqual([
      "POST /admin/webhooks/deliveries/whd_1/replay",
      "POST /admin/webhooks/deliveries/whd_2/replay",
    ]);
    for (const id of ["whd_1", "whd_2"]) expect(ran.stderr).toContain(`${id} is sent again.`);
  });
});
