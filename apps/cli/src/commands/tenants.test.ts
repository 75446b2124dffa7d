import { describe, expect, test } from "vitest";
import { runDarkroom } from "../stubs/run-darkroom.ts";
import { startStubService } from "../stubs/stub-service.ts";

async function run(args: string[]) {
  let pages = 0;
  const service = await startStubService(() => ({
    body: { object: "generations.dropped", tenant: "acme", dropped: 40, next: ++pages < 3 ? pages * 100 : null },
  }));
  const env = { DARKROOM_URL: service.url, DARKROOM_ADMIN_KEY: "admin-secret" };
  return { ...(await runDarkroom(["tenants", ...args], env)), asked: service.asked };
}

describe("tenants drop-ended", () => {
  test("goes through all pages and says how many", async () => {
    const ran = await run(["drop-ended", "acme", "--yes"]);
    expect(ran).toMatchObject({ code: 0, stdout: "" });
    expect(ran.stderr).toContain("120 generations of acme are dropped.");
    const line = "POST /admin/tenants/acme/drop-ended";
    expect(ran.asked).toEqual(
      [0, 100, 200].map((from) => ({ line, authorization: "Bearer admin-secret", body: { from } })),
    );
  });

  test("asks for --yes where there is no terminal", async () => {
    const ran = await run(["drop-ended", "acme"]);
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toContain("--yes is required");
    expect(ran.asked).toEqual([]);
  });
});
