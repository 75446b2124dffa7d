import { noBudget, noLimits } from "@darkroom/contracts";
import { describe, expect, test } from "vitest";
import { runDarkroom } from "../../stubs/run-darkroom.ts";
import { stubKey } from "../../stubs/stub-key.ts";
import { type StubAnswer, startStubService } from "../../stubs/stub-service.ts";

/** One command against a service that gives one answer. */
async function run(args: string[], answer: StubAnswer["body"]) {
  const service = await startStubService(() => ({ body: answer }));
  const env = { DARKROOM_URL: service.url, DARKROOM_ADMIN_KEY: "admin-secret" };
  return { ...(await runDarkroom(["keys", ...args], env)), asked: service.asked };
}

const created = { ...stubKey(), key: "dk_abcdef_the_rest", later: "a field of tomorrow" };

describe("keys create", () => {
  test("prints the key alone on stdout, and beside it that it is not shown again", async () => {
    const ran = await run(["create", "--tenant", "acme", "--name", "website"], created);
    expect(ran).toMatchObject({ code: 0, stdout: "dk_abcdef_the_rest\n" });
    expect(ran.stderr).toBe("This is the key key_1 of acme. Keep it now: it is not shown again.\n");
    expect(ran.asked).toEqual([
      { line: "POST /admin/keys", authorization: "Bearer admin-secret", body: { tenant: "acme", name: "website" } },
    ]);
  });

  test("sends every limit as the API counts it: dollars in micros, moments in seconds", async () => {
    const limits = [
      "--requests-per-minute",
      "60",
      "--images-per-minute",
      "100",
      "--concurrent",
      "8",
      "--queued",
      "none",
      "--http-requests-per-minute",
      "6000",
      "--stored-files",
      "20",
      "--stored-bytes",
      "5000000000000",
      "--unfinished-batch-lines",
      "none",
    ];
    const budget = ["--budget-day", "0.29", "--budget-month", "$12.5", "--budget-total", "999999999.999999"];
    const rest = ["--models", "gpt-image-1, dall-e-3", "--expires", "2026-12-31"];
    const { asked } = await run(["create", "--tenant", "a", "--name", "b", ...limits, ...budget, ...rest], created);
    expect(asked[0]?.body).toEqual({
      tenant: "a",
      name: "b",
      models: ["gpt-image-1", "dall-e-3"],
      limits: {
        requests_per_minute: 60,
        images_per_minute: 100,
        concurrent_generations: 8,
        queued_generations: null,
        http_requests_per_minute: 6_000,
        stored_files: 20,
        stored_bytes: 5_000_000_000_000,
        unfinished_batch_lines: null,
      },
      budget: { day: 290_000, month: 12_500_000, total: 999_999_999_999_999 },
      expires_at: Date.UTC(2026, 11, 31, 23, 59, 59) / 1000,
    });
  });

  test("prints the API's own answer with --json, fields that it does not know included", async () => {
    const { stdout } = await run(["create", "--tenant", "acme", "--name", "website", "--json"], created);
    expect(JSON.parse(stdout)).toEqual(created);
  });

  test.each([
    ["--budget-day", "1e3"],
    ["--budget-day", "0.0000001"],
    ["--concurrent", "-1"],
    ["--concurrent", "1.5"],
    ["--models", "a,,b"],
    ["--expires", "2026-02-30"],
    ["--expires", "soon"],
  ])("takes %s %s for wrong usage and sends no request", async (option, value) => {
    const ran = await run(["create", "--tenant", "a", "--name", "b", option, value], created);
    expect(ran).toMatchObject({ code: 2, stdout: "", asked: [] });
    expect(ran.stderr).toContain("Usage: darkroom keys create");
  });
});

describe("keys list", () => {
  const keys = [1, 2, 3].map((number) => stubKey({ id: `key_${number}`, name: `name-${number}` }));
  /** A service that gives its keys one at a time. */
  const startPages = () =>
    startStubService(({ line }) => {
      const after = new URL(line.split(" ")[1] ?? "", "http://x").searchParams.get("after");
      const next = keys.findIndex((key) => key.id === after) + 1;
      const id = keys[next]?.id;
      return { body: { object: "list", data: [keys[next]], first_id: id, last_id: id, has_more: next < 2 } };
    });

  test("follows every page, in columns for a person and as one list for a program", async () => {
    const service = await startPages();
    const env = { DARKROOM_URL: service.url, DARKROOM_ADMIN_KEY: "k" };
    const { stdout } = await runDarkroom(["keys", "list", "--tenant", "acme"], env);
    expect(service.asked.map(({ line }) => line)).toEqual([
      "GET /admin/keys?tenant=acme&limit=100",
      "GET /admin/keys?tenant=acme&limit=100&after=key_1",
      "GET /admin/keys?tenant=acme&limit=100&after=key_2",
    ]);
    expect(stdout.split("\n")).toMatchInlineSnapshot(`
      [
        "id    | tenant | name   | begins with | status | created              | expires",
        "----- | ------ | ------ | ----------- | ------ | -------------------- | -------",
        "key_1 | acme   | name-1 | dk_abcdef   | active | 2026-11-22 09:30 UTC | never",
        "key_2 | acme   | name-2 | dk_abcdef   | active | 2026-11-22 09:30 UTC | never",
        "key_3 | acme   | name-3 | dk_abcdef   | active | 2026-11-22 09:30 UTC | never",
        "",
      ]
    `);
    const asJson = await runDarkroom(["keys", "list", "--json"], env);
    expect(JSON.parse(asJson.stdout)).toEqual({
      object: "list",
      data: keys,
      first_id: "key_1",
      last_id: "key_3",
      has_more: false,
    });
  });

  test("says on stderr that there are none", async () => {
    const empty = { object: "list", data: [], first_id: null, last_id: null, has_more: false };
    expect(await run(["list"], empty)).toMatchObject({ code: 0, stdout: "", stderr: "There are no keys.\n" });
  });

  test("does not go round in circles when a service cannot say where it goes on", async () => {
    const broken = { object: "list", data: [keys[0]], first_id: "key_1", last_id: null, has_more: true };
    expect((await run(["list"], broken)).code).toBe(1);
  });
});

test("keys show tells what the key may do, has under way and has cost", async () => {
  const key = stubKey({
    models: ["gpt-image-1"],
    limits: { ...noLimits, requests_per_minute: 60, unfinished_batch_lines: 50 },
    budget: { ...noBudget, day: 5_000_000 },
  });
  const usage = { active: 3, queued: 1, reserved: 120_000, spent: { day: 40_001, month: 1_500_000, total: 2_000_000 } };
  const held = { http_requests: 12, stored_files: 3, stored_bytes: 400, unfinished_batch_lines: 5 };
  const default_limits = { http_requests_per_minute: 60_000, stored_files: 10_000, stored_bytes: 1_000_000, later: 1 };
  const ran = await run(["show", "key/1"], { ...key, default_limits, usage: { ...usage, ...held } });
  expect(ran.asked[0]?.line).toBe("GET /admin/keys/key%2F1");
  expect(ran.stdout).toMatchInlineSnapshot(`
    "id                        key_1
    tenant                    acme
    name                      website
    begins with               dk_abcdef
    status                    active
    models                    gpt-image-1
    requests per minute       60
    images per minute         no limit
    concurrent                no limit
    queued                    no limit
    held requests             as configured
    HTTP requests per minute  as configured
    stored files              as configured
    stored bytes              as configured
    unfinished batch lines    50
    budget a day              $5.00
    budget a month            no limit
    budget in all             no limit
    keep alive                no
    created                   2026-11-22 09:30 UTC
    expires                   never

    under way                             3, 1 of them queued
    reserved for these                    $0.12
    spent today                           $0.040001
    spent this month                      $1.50
    spent in all                          $2.00
    HTTP requests in the last minute      12 of 60000
    files of its tenant                   3 of 10000
    bytes of these                        400 of 1000000
    unfinished batch lines of its tenant  5 of 50
    "
  `);
});

test("keys update sends what was said and nothing else, and none as null", async () => {
  const ran = await run(["update", "key_1", "--budget-day", "none", "--queued", "5", "--expires", "none"], stubKey());
  expect(ran.asked[0]).toMatchObject({ line: "PATCH /admin/keys/key_1" });
  expect(ran.asked[0]?.body).toEqual({ limits: { queued_generations: 5 }, budget: { day: null }, expires_at: null });
  expect(await run(["update", "key_1"], stubKey())).toMatchObject({ code: 2, asked: [] });
});

test("keys rotate prints the new key alone, and says how long the old one works", async () => {
  const until = Date.UTC(2026, 10, 23, 9, 30) / 1000;
  const rotated = { ...created, previous_key_expires_at: until };
  const ran = await run(["rotate", "key_1", "--grace", "24h"], rotated);
  expect(ran.asked[0]).toMatchObject({ line: "POST /admin/keys/key_1/rotate", body: { grace_seconds: 86_400 } });
  expect(ran.stdout).toBe("dk_abcdef_the_rest\n");
  expect(ran.stderr).toContain("The old one works until 2026-11-23 09:30 UTC.");
});

test("keys disable and enable change the status", async () => {
  const disabled = await run(["disable", "key_1"], stubKey({ status: "disabled" }));
  expect(disabled.asked[0]).toMatchObject({ line: "PATCH /admin/keys/key_1", body: { status: "disabled" } });
  expect(disabled.stdout).toMatch(/^status +disabled$/m);
  const enabled = await run(["enable", "key_1"], stubKey());
  expect(enabled.asked[0]).toMatchObject({ line: "PATCH /admin/keys/key_1", body: { status: "active" } });
});

describe("keys delete", () => {
  const deleted = { id: "key_1", object: "api_key", deleted: true };

  test("deletes with --yes", async () => {
    const ran = await run(["delete", "key_1", "--yes"], deleted);
    expect(ran).toMatchObject({ code: 0, stdout: "", stderr: "The key key_1 is deleted.\n" });
    expect(ran.asked[0]?.line).toBe("DELETE /admin/keys/key_1");
  });

  test("requires --yes without a terminal", async () => {
    const ran = await run(["delete", "key_1"], deleted);
    expect(ran).toMatchObject({ code: 2, asked: [] });
    expect(ran.stderr).toContain("--yes is required");
  });
});

test("keys webhook-secret rotate prints the new secret alone", async () => {
  const ran = await run(["webhook-secret", "rotate", "key_1", "--grace", "0s"], { secret: "whsec_x" });
  expect(ran).toMatchObject({ code: 0, stdout: "whsec_x\n" });
  expect(ran.asked[0]).toMatchObject({
    line: "POST /admin/keys/key_1/webhook-secret/rotate",
    body: { grace_seconds: 0 },
  });
});

describe("whatever a service answers", () => {
  const words = "a\u001b]52;c;eA==\u0007\u009b2J\u202eb\nkey_2 | fine";
  const shown = "a\ufffd]52;c;eA==\ufffd\ufffd2J\ufffdb key_2 | fine";

  test("moves no cursor and adds no line to a table", async () => {
    const page = {
      object: "list",
      data: [stubKey({ prefix: words })],
      first_id: "key_1",
      last_id: "key_1",
      has_more: false,
    };
    const { stdout } = await run(["list"], page);
    expect(stdout).toContain(shown);
    expect(stdout.trimEnd().split("\n")).toHaveLength(3);
    expect(stdout).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
  });

  test("is JSON with the same values where that is asked for", async () => {
    const page = {
      object: "list",
      data: [stubKey({ prefix: words })],
      first_id: "key_1",
      last_id: "key_1",
      has_more: false,
    };
    const { stdout } = await run(["list", "--json"], page);
    expect(stdout).not.toMatch(/[^\P{Cc}\n]|\p{Bidi_Control}/u);
    expect(JSON.parse(stdout)).toMatchObject({ data: [{ prefix: words }] });
  });

  test("is told on one line where it is a refusal", async () => {
    const error = { message: words, type: "invalid_request_error", param: null, code: "invalid_request_error" };
    const service = await startStubService(() => ({ status: 400, body: { error } }));
    const env = { DARKROOM_URL: service.url, DARKROOM_ADMIN_KEY: "admin-secret" };
    expect(await runDarkroom(["keys", "list"], env)).toMatchObject({ code: 1, stderr: `${shown}\n` });
  });
});

describe("keys show, of a service of another release", () => {
  const usage = { active: 0, queued: 0, reserved: 0, spent: { day: 0, month: 0, total: 0 } };

  test("an older one tells fewer limits: those that it does not name are none", async () => {
    const { held_requests: _, http_requests_per_minute: __, ...limits } = noLimits;
    const { keep_alive: ___, ...key } = stubKey();
    const ran = await run(["show", "key_1"], { ...key, limits, usage });
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toMatch(/held requests +as configured/);
    expect(ran.stdout).not.toContain("files of its tenant");
  });

  test("a newer one tells more: what is not known here is passed over", async () => {
    const limits = { ...noLimits, images_per_hour: 5 };
    const ran = await run(["show", "key_1"], { ...stubKey(), limits, budget: { ...noBudget, week: 5 }, usage });
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toMatch(/images per minute +no limit/);
  });
});
