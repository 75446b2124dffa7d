import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { testRedisUrl } from "./provided-services.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const checkout = resolve(import.meta.dirname, "../../..");

/** A run of one small file on a machine with Redis and without Docker. All that it printed, and whether it passed. */
async function runWithoutS3(environment: Record<string, string> = {}) {
  const vitest = resolve(checkout, "node_modules/vitest/vitest.mjs");
  const { PATH = "" } = process.env;
  // Nothing listens on port 1, and an empty HOME has no settings of testcontainers.
  const docker = { DOCKER_HOST: "tcp://127.0.0.1:1", HOME: await temporaryFolder() };
  const env = { PATH, TEST_REDIS_URL: testRedisUrl(), NO_COLOR: "1", ...docker, ...environment };
  const args = [vitest, "run", "scripts/bootstrap/closing-line"];
  const { promise, resolve: ended } = Promise.withResolvers<{ ok: boolean; printed: string }>();
  execFile(process.execPath, args, { cwd: checkout, env }, (error, stdout, stderr) =>
    ended({ ok: error === null, printed: stdout + stderr }),
  );
  return promise;
}

const whatToInstall = "install Docker (https://docs.docker.com/engine/install) and start it";

test("without an S3 server the run says at its beginning and at its end what to install", async () => {
  const { ok, printed } = await runWithoutS3();
  expect(printed.split(`SKIPPED: every test that needs a real S3 server. To run them, ${whatToInstall}`)).toHaveLength(
    3,
  );
  expect(ok).toBe(true);
});

test("on a build server the run fails instead, and says the same", async () => {
  const { ok, printed } = await runWithoutS3({ CI: "true" });
  expect(printed).toContain("CI is set, and there is no S3 server");
  expect(printed).toContain(whatToInstall);
  expect(ok).toBe(false);
});
