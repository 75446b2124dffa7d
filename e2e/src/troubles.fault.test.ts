import { randomUUID } from "node:crypto";
import { connectWorker, untilConnected } from "@darkroom/redis";
import {
  ensureBucket,
  hasSmallDisks,
  openSmallDisk,
  removeBucket,
  s3Environment,
  type SmallDisk,
  startRedis,
  testS3,
} from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { startS3Gate } from "./s3-gate.ts";
import { startStack } from "./stack.ts";
import { openTroubledStack, type TroubledStack } from "./troubled-stack.ts";

/** Something that an operator has to mend, made for real. */
type Opened = {
  environment: Record<string, string>;
  /** Of a Redis of its own. */
  redisUrl?: string;
  begin: (stack: TroubledStack) => Promise<unknown>;
  end: (stack: TroubledStack) => Promise<unknown>;
};

type Trouble = {
  title: string;
  open: () => Promise<Opened>;
  /** What it takes of the machine. */
  needs?: "a disk" | "S3";
  /** What is wrong, as `/readyz` of api and worker say it. "ready": it is none of that process. */
  api: RegExp;
  worker: RegExp;
  /** What is 1 while it lasts, of api and worker; NaN is not told. */
  metric: [name: string, api: number, worker: number];
  /** What a new caller is told, with a 503 and `Retry-After`. Null: it is accepted, and waits. */
  refusal: RegExp | null;
  /** What stands in the log of the process that is concerned. */
  log: RegExp;
};

const canFillDisks = await hasSmallDisks();
const s3 = testS3();
const MiB = 1_048_576;

async function smallDisk(bytes: number): Promise<SmallDisk> {
  const disk = await openSmallDisk(bytes);
  onTestFinished(disk.close);
  return disk;
}

/** A connection with all rights. */
async function connectAdmin(url: string) {
  const redis = connectWorker(url, () => {});
  onTestFinished(() => redis.disconnect());
  await untilConnected(redis, 5_000);
  return redis;
}

async function ownRedis(options: Parameters<typeof startRedis>[0] = {}) {
  const redis = await startRedis(options);
  onTestFinished(redis.stop);
  return { redis, admin: await connectAdmin(redis.url) };
}

/** A Redis whose user loses rights while it is connected. The rights are those that docs/redis.md asks for. */
async function reducedRights(...rights: string[]): Promise<Opened> {
  const { redis, admin } = await ownRedis();
  const setUser = (...rules: string[]) => admin.call("ACL", "SETUSER", "darkroom", ...rules);
  const documented = ["~darkroom:*", "&darkroom:*", "+@all", "-@admin", "-@dangerous", "+info"];
  await setUser("on", ">password", ...documented);
  return {
    environment: { REDIS_URL: redis.url.replace("//", "//darkroom:password@") },
    redisUrl: redis.url,
    begin: () => setUser(...rights),
    end: () => setUser("resetkeys", "resetchannels", "-@all", ...documented),
  };
}

const redisRefusing: Trouble["metric"] = ["darkroom_redis_refusing", 1, 1];
const storeRefusing: Trouble["metric"] = ["darkroom_store_refusing", 0, 1];

const troubles: readonly Trouble[] = [
  {
    title: "Redis is at its maxmemory",
    async open() {
      const { redis, admin } = await ownRedis({ maxmemory: "64mb" });
      return {
        environment: { REDIS_URL: redis.url },
        redisUrl: redis.url,
        begin: () => admin.config("SET", "maxmemory", "1mb"),
        end: () => admin.config("SET", "maxmemory", "64mb"),
      };
    },
    api: /Redis has no memory left and takes no writes\. Raise its maxmemory/,
    worker: /Redis has no memory left/,
    metric: redisRefusing,
    refusal: /queue is full|memory of the queue is full/,
    log: /Redis has no memory left and takes no writes/,
  },
  {
    title: "the disk of Redis is full",
    needs: "a disk",
    async open() {
      const disk = await smallDisk(8 * MiB);
      const { redis } = await ownRedis({ args: ["--dir", disk.folder] });
      return {
        environment: { REDIS_URL: redis.url },
        redisUrl: redis.url,
        begin: disk.fill,
        end: disk.free,
      };
    },
    api: /Redis cannot save to its disk, and takes no writes until it can\./,
    worker: /Redis cannot save to its disk/,
    metric: redisRefusing,
    refusal: /The queue cannot save to its disk/,
    log: /Redis cannot save to its disk/,
  },
  {
    title: "the user of Redis has lost its keys",
    open: () => reducedRights("resetkeys", "~elsewhere:*"),
    api: /Redis does not give its user the rights that Darkroom needs/,
    worker: /Redis does not give its user the rights/,
    metric: redisRefusing,
    refusal: /The queue refuses this service, which lacks a right/,
    log: /does not give its user the rights/,
  },
  {
    title: "the user of Redis may run no scripts",
    open: () => reducedRights("-@scripting"),
    api: /Redis does not give its user the rights that Darkroom needs/,
    worker: /Redis does not give its user the rights/,
    metric: redisRefusing,
    refusal: /The queue refuses this service, which lacks a right/,
    log: /does not give its user the rights/,
  },
  {
    title: "the bucket is deleted, and made again",
    needs: "S3",
    async open() {
      const own = { ...withS3(), bucket: `dr-troubles-${randomUUID()}` };
      await ensureBucket(own);
      onTestFinished(() => removeBucket(own));
      return {
        environment: s3Environment(own, { prefix: "troubles" }),
        begin: () => removeBucket(own),
        end: () => ensureBucket(own),
      };
    },
    api: /The object store cannot be used\. There is no such bucket\. Check S3_BUCKET/,
    worker: /The object store refuses what is written to it, so no generation is begun\. There is no such bucket/,
    metric: storeRefusing,
    refusal: null,
    log: /The object store refuses what is written to it/,
  },
  {
    title: "the credentials of S3 are revoked",
    needs: "S3",
    async open() {
      const gate = await startS3Gate(withS3().endpoint);
      onTestFinished(() => gate.close());
      return {
        environment: s3Environment(withS3(), { prefix: `revoked-${randomUUID()}`, endpoint: gate.url }),
        begin: async () => gate.refuse("InvalidAccessKeyId", { status: 403, reads: true }),
        end: async () => gate.open(),
      };
    },
    api: /The object store cannot be used\. The server does not know the access key\. Check S3_ACCESS_KEY_ID/,
    worker: /so no generation is begun\. The server does not know the access key/,
    metric: storeRefusing,
    refusal: null,
    log: /The object store refuses what is written to it/,
  },
  {
    title: "the disk of the image folder is full",
    needs: "a disk",
    async open() {
      const disk = await smallDisk(8 * MiB);
      return {
        environment: { STORAGE_DIRECTORY: disk.folder },
        begin: disk.fill,
        end: disk.free,
      };
    },
    api: /The object store cannot be used\. The disk is full: make room, or set STORAGE_DIRECTORY/,
    worker: /so no generation is begun\. The disk is full/,
    metric: storeRefusing,
    refusal: null,
    log: /The object store refuses what is written to it/,
  },
];

function withS3() {
  if (s3 === null) throw new Error("There is an S3");
  return s3;
}

test.for(troubles)(
  "$title: it is said what is wrong, callers are told or wait, and all goes on without help when it is mended",
  async ({ open, needs, api, worker, metric, refusal, log }, { skip }) => {
    if (needs === "a disk") skip(!canFillDisks, "A disk is mounted on Linux, as root.");
    if (needs === "S3") skip(s3 === null, "There is no S3.");
    const { environment, redisUrl, begin, end } = await open();
    const stack = await openTroubledStack({ environment, redisUrl });
    const { upstream } = stack;
    const accepted: string[] = [];
    const accept = async (prompt: string, more?: object) => {
      const { status, id } = await stack.submit(prompt, more);
      expect(status).toBe(202);
      accepted.push(id);
      return id;
    };
    await accept("two cats before", { n: 2 });
    await stack.untilAllEnded();

    // Calls are under way when it begins, and their images come while it lasts.
    const answering = Promise.withResolvers<void>();
    upstream.always({ after: answering.promise });
    for (let i = 0; i < 5; i++) await accept(`cat ${i}`);
    await expect.poll(upstream.unfinished).toBe(5);
    await begin(stack);
    answering.resolve();

    await expect.poll(stack.readiness).toEqual([expect.stringMatching(api), expect.stringMatching(worker)]);
    expect(await stack.liveness()).toEqual([200, 200]);
    const [name, ofApi, ofWorker] = metric;
    await expect.poll(() => stack.metric(name)).toEqual([ofApi, ofWorker]);
    await expectLateCaller(stack, refusal, accepted);
    await expect.poll(() => stack.lines().some((text) => log.test(text))).toBe(true);

    await end(stack);
    await expect.poll(stack.readiness).toEqual(["ready", "ready"]);
    await expect.poll(() => stack.metric(name)).toEqual([0, 0]);
    await accept("a cat after");
    await stack.untilAllEnded();
    await stack.expectWholeHistory(accepted);
    // One call for each: nothing was bought again.
    expect(upstream.requests).toHaveLength(accepted.length);
  },
);

/** A new caller is told why it is refused, or is accepted, and what the operator sees says why it waits. */
async function expectLateCaller(stack: TroubledStack, refusal: RegExp | null, accepted: string[]): Promise<void> {
  const late = await stack.submit("a cat while it lasts");
  expect(late.status).toBe(refusal === null ? 202 : 503);
  expect(late.retryAfter).not.toBeNull();
  expect(late.message ?? "").toMatch(refusal ?? /^$/);
  if (refusal !== null) return;
  accepted.push(late.id);
  await expectStoreTroubleTold(stack, accepted);
}

/** While the store refuses, the worker's lanes are shown as paused, and images that were made are not said to be gone. */
async function expectStoreTroubleTold(stack: TroubledStack, [earlier = ""]: readonly string[]): Promise<void> {
  const isPaused = async () =>
    (await stack.processes())
      .filter(({ kind }) => kind === "worker")
      .every(({ lanes }) => lanes.every(({ paused }) => paused));
  await expect.poll(isPaused).toBe(true);
  const bought = stack.upstream.requests.length;
  await stack.settle();
  expect(stack.upstream.requests).toHaveLength(bought);
  expect((await stack.read(`/v1/generations/${earlier}?response_format=b64_json`)).status).not.toBe(410);
}

test.skipIf(s3 === null)("a process that is started with a wrong S3_REGION ends, and says what to check", async () => {
  const gate = await startS3Gate(withS3().endpoint);
  onTestFinished(() => gate.close());
  const environment = s3Environment(withS3(), { prefix: `region-${randomUUID()}`, endpoint: gate.url });
  const stack = await startStack({ workers: 0, environment });
  // As AWS answers a request that is signed for another region than that of the bucket.
  gate.refuse("AuthorizationHeaderMalformed", { reads: true });
  const advice = "The bucket lives in another region. Check S3_REGION and S3_ENDPOINT.";
  const worker = stack.launchWorker();
  expect(await worker.exited).toBe(1);
  expect(worker.lines.join("\n")).toContain(advice);
  await expect(stack.startApi()).rejects.toThrow(advice);
});
