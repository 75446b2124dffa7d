import { rename, symlink, unlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { imageResponseSchema } from "@darkroom/contracts";
import { connectProducer, untilConnected } from "@darkroom/redis";
import { startFakeOpenAi, temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { everyGeneration, expectAllSucceeded } from "./every-generation.ts";
import { startStack } from "./stack.ts";

const crashPoint = new URL("crash-point.mjs", import.meta.url).pathname;
/** Far less than the store is away for. */
const patienceMs = 200;
const awayMs = 3_000;

test.each([
  ["when the provider has answered", "answered", 4],
  ["when its images are noted", "noted", 4],
  ["when one of its two images is stored", "stored:1", 3],
  ["when both images are stored", "stored:2", 2],
  ["before its ending is written", "ending", 2],
])(
  "a worker dies %s, and the store is away as the next one begins: all images are delivered, and none that is stored is bought again",
  async (_, point, bought) => {
    const upstream = await startFakeOpenAi();
    onTestFinished(() => upstream.close());
    const folder = await temporaryFolder();
    const environment = {
      OPENAI_API_KEY: "sk-upstream",
      OPENAI_BASE_URL: upstream.baseUrl,
      STORAGE_DIRECTORY: folder,
      UPLOAD_PATIENCE_MS: String(patienceMs),
      // The lock of the dead worker is taken away below, when the store is away.
      LOCK_DURATION_MS: "60000",
    };
    const stack = await startStack({ workers: 0, environment });
    const redis = connectProducer(stack.redis.url, () => {});
    onTestFinished(() => redis.disconnect());
    await untilConnected(redis, 5_000);
    const answer = stack.generate({ model: "dall-e-2", prompt: "a cat", size: "256x256", n: 2 });
    const dying = stack.launchWorker({ NODE_OPTIONS: `--import=${crashPoint}`, CRASH_AT: point });
    expect(await dying.exited).toBe("SIGKILL");

    const next = await stack.startWorker();
    const objects = join(folder, "objects");
    await rename(objects, `${objects}-away`);
    // Whatever is below it can be neither read nor written: a link that leads to itself is an error, and not an absent folder.
    await symlink(objects, objects);
    const locks = await redis.keys("*openai.interactive:gen_*:lock");
    expect(locks).toHaveLength(1);
    await redis.del(locks);
    await next.logged("begins no generation until it takes a write again");
    await pause(awayMs);
    expect((await everyGeneration(stack.redis.url)).map(({ endedAtMs }) => endedAtMs)).toEqual([null]);
    await unlink(objects);
    await rename(`${objects}-away`, objects);

    const { data } = imageResponseSchema.parse(await (await answer).json());
    expect(data).toHaveLength(2);
    for (const { url = "" } of data) expect((await fetch(url)).status).toBe(200);
    await expectAllSucceeded(stack.redis.url, 1);
    expect(upstream.requests.reduce((sum, { body }) => sum + Number(body["n"] ?? 1), 0)).toBe(bought);
  },
  120_000,
);
