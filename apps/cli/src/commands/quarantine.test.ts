import { describe, expect, test } from "vitest";
import { runDarkroom } from "../stubs/run-darkroom.ts";
import { startStubService } from "../stubs/stub-service.ts";

const entry = {
  object: "quarantine_entry",
  id: "qua_1",
  kind: "removal",
  subject: "gen_1",
  reason: "It is not JSON.",
  since: 1_796_000_000,
  last_seen: 1_796_000_000,
  fields: {},
  droppable: true,
};

async function run(args: string[], body: object) {
  const service = await startStubService(() => ({ body }));
  const env = { DARKROOM_URL: service.url, DARKROOM_ADMIN_KEY: "admin-secret" };
  const ran = await runDarkroom(["quarantine", ...args], env);
  return { ...ran, asked: service.asked.map(({ line }) => line) };
}

describe("quarantine", () => {
  test("list shows what is set aside, and why", async () => {
    const ran = await run(["list", "--kind", "removal"], { object: "list", data: [entry], has_more: false });
    expect(ran.code).toBe(0);
    for (const text of ["qua_1", "gen_1", "It is not JSON."]) expect(ran.stdout).toContain(text);
    expect(ran.asked).toEqual([expect.stringContaining("GET /admin/quarantine?kind=removal&limit=1000")]);
  });

  test("list says so where there is nothing", async () => {
    const ran = await run(["list"], { object: "list", data: [], has_more: false });
    expect(ran).toMatchObject({ code: 0, stdout: "" });
    expect(ran.stderr).toContain("Nothing is in quarantine.");
  });

  test("retry and drop take several ids", async () => {
    const answer = { id: "qua_1", object: "quarantine_entry" };
    expect((await run(["retry", "qua_1", "qua_2"], answer)).asked).toEqual([
      "POST /admin/quarantine/qua_1/retry",
      "POST /admin/quarantine/qua_2/retry",
    ]);
    expect((await run(["drop", "qua_1", "--yes"], answer)).asked).toEqual(["DELETE /admin/quarantine/qua_1"]);
  });

  test("drop asks for --yes where there is no terminal", async () => {
    const ran = await run(["drop", "qua_1"], {});
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toContain("--yes is required");
    expect(ran.asked).toEqual([]);
  });
});
