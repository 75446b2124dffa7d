import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createHash, randomBytes } from "node:crypto";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Compose, createCompose, docker, hasCompose } from "./compose.ts";

/** Nothing has a key for this provider, so the sandbox draws. */
const model = "doubao-seedream-4-5";
const drawingMs = 15_000;
const concurrency = 5;
const secrets = {
  api_keys: `acme:me:${sha256("sk-acme")}\n`,
  admin_key_sha256: `${sha256("sk-admin")}\n`,
  webhook_signing_secret: `${randomBytes(32).toString("hex")}\n`,
  openai_api_key: `sk-upstream-${randomBytes(8).toString("hex")}\n`,
};
/** What `docker-compose.yml` has no variable for: a slow model, and a dead worker that is replaced soon. */
const settings = `
services:
  worker:
    environment:
      SANDBOX_DIRECTIVES: "true"
      LOCK_DURATION_MS: "5000"
      STALLED_INTERVAL_MS: "1000"
`;

type Generation = { status: string; attempts: number; data: { url: string }[] };

const available = await hasCompose();

describe.skipIf(!available)("docker-compose.yml with two apis and two workers, and its secrets in files", () => {
  let folder: string;
  let compose: Compose;
  /** A key that the command line made, so that it is in Redis. */
  let key: string;
  /** An image that was drawn before everything else. */
  let first: { id: string; image: Buffer };

  type Init = { method?: string; headers?: Record<string, string>; body?: string };
  const call = async (origin: string, path: string, init: Init = {}) => {
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json", ...init.headers };
    const answer = await fetch(`${origin}${path}`, { ...init, headers });
    return { status: answer.status, id: answer.headers.get("x-generation-id") ?? "", body: await answer.json() };
  };
  const draw = (origin: string, prompt: string, headers: Record<string, string> = {}) =>
    call(origin, "/v1/images/generations", {
      method: "POST",
      headers,
      body: JSON.stringify({ model, prompt, response_format: "url" }),
    });
  const submit = async (origin: string, prompt: string): Promise<string> => {
    const { status, id } = await draw(origin, prompt, { prefer: "respond-async" });
    expect(status).toBe(202);
    return id;
  };
  const read = async (origin: string, id: string): Promise<Generation> => {
    const { body } = await call(origin, `/v1/generations/${id}`);
    return { status: body.status, attempts: body.attempts, data: body.response?.data ?? [] };
  };
  const succeeded = (origin: string, ids: readonly string[]) =>
    expect
      .poll(() => Promise.all(ids.map(async (id) => (await read(origin, id)).status)), { interval: 500 })
      .toEqual(ids.map(() => "succeeded"));
  const fetched = async (url: string): Promise<Buffer> => {
    const answer = await fetch(url);
    expect(answer.status).toBe(200);
    return Buffer.from(await answer.arrayBuffer());
  };
  const healthy = async (...services: string[]) => {
    const states = async () => {
      const ids = (await Promise.all(services.map((service) => compose.containers(service)))).flat();
      return Promise.all(ids.map((id) => docker("inspect", "-f", "{{.State.Health.Status}}", id)));
    };
    // Not a poll of `expect`, which a hook may not use.
    await vi.waitFor(async () => expect(new Set(await states())).toEqual(new Set(["healthy"])), {
      timeout: 300_000,
      interval: 1_000,
    });
  };
  const start = async (workers: number, ...options: string[]) => {
    await compose.run("up", "--detach", ...options, "--scale", "api=2", "--scale", `worker=${workers}`);
    await healthy("redis", "s3", "api", "worker");
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "darkroom-compose-"));
    // The user of the containers is another one.
    await chmod(folder, 0o755);
    for (const [name, text] of Object.entries(secrets)) await writeFile(join(folder, name), text);
    await writeFile(join(folder, "settings.yml"), settings);
    compose = await createCompose({
      files: ["deploy/docker-compose.secrets.yml", join(folder, "settings.yml")],
      variables: {
        SANDBOX_FALLBACK: "true",
        WORKER_CONCURRENCY: String(concurrency),
        SECRETS_DIRECTORY: folder,
        DARKROOM_ADMIN_KEY: "sk-admin",
      },
    });
    await start(2, "--build");
    key = await compose.run("run", "--rm", "cli", "keys", "create", "--tenant", "acme", "--name", "compose");
  }, 1_200_000);

  afterAll(async () => {
    await compose?.remove();
    await rm(folder, { recursive: true, force: true });
  }, 120_000);

  test("both apis draw, a key in a file is known, and the link works on the machine outside", async () => {
    const [one = "", two = ""] = await compose.apis();
    const drawn = await draw(one, "A lighthouse");
    expect(drawn.status).toBe(200);
    first = { id: drawn.id, image: await fetched(drawn.body.data[0].url) };
    expect(await sharp(first.image).metadata()).toMatchObject({ format: "png" });
    expect((await draw(two, "A harbour", { authorization: "Bearer sk-acme" })).status).toBe(200);
    // What one api has taken in, the other one shows.
    expect((await read(two, first.id)).status).toBe("succeeded");
  });

  test("no process is root, has a right of the kernel's or can change its image, and no secret is in its environment", async () => {
    for (const service of ["api", "worker"]) {
      const [id = ""] = await compose.containers(service);
      const inside = (script: string) => docker("exec", id, "sh", "-c", script);
      expect(await inside("id -u; grep CapEff /proc/1/status")).toMatch(/^1000\nCapEff:\t0+$/);
      await expect(inside("touch /app/changed")).rejects.toThrow("Read-only file system");
      await expect(inside("touch /usr/changed")).rejects.toThrow("Read-only file system");
      const spool = service === "worker" ? "/var/spool/darkroom" : "/tmp";
      expect(await inside(`touch /tmp/t ${spool}/t && rm ${spool}/t && echo written`)).toBe("written");
      const facts = await docker("inspect", id);
      for (const secret of Object.values(secrets)) expect(facts).not.toContain(secret.trim());
    }
  });

  test("three workers finish what a fourth was killed over", async () => {
    await start(4, "--no-recreate");
    const [api = ""] = await compose.apis();
    const [redis = ""] = await compose.containers("redis");
    const prompts = Array.from({ length: 4 * concurrency }, (_, i) => `[sandbox:delay=${drawingMs}] number ${i}`);
    const ids = await Promise.all(prompts.map((prompt) => submit(api, prompt)));
    // More than three workers can run, so the fourth has some in hand.
    await expect
      .poll(async () => Number(await docker("exec", redis, "redis-cli", "zcard", "darkroom:running")), {
        interval: 200,
      })
      .toBeGreaterThan(3 * concurrency);
    const victim = (await compose.containers("worker")).at(-1) ?? "";
    await docker("kill", "--signal", "KILL", victim);
    await succeeded(api, ids);
    const drawn = await Promise.all(ids.map((id) => read(api, id)));
    expect(drawn.filter(({ attempts }) => attempts > 1).length).toBeGreaterThan(0);
    expect(drawn.filter(({ attempts }) => attempts > 1).length).toBeLessThanOrEqual(concurrency);
  });

  test("what was accepted, drawn and made before new containers is there after them", async () => {
    const [before = ""] = await compose.apis();
    await compose.run("stop", "worker");
    const queued = await Promise.all(["one", "two", "three"].map((prompt) => submit(before, prompt)));
    await compose.run("rm", "--stop", "--force", "redis", "api", "worker");
    await start(2);
    const [after = ""] = await compose.apis();
    await succeeded(after, queued);
    const [link = { url: "" }] = (await read(after, first.id)).data;
    expect((await fetched(link.url)).equals(first.image)).toBe(true);
  });

  test("every process ends by itself on SIGTERM", async () => {
    const ids = (await Promise.all(["api", "worker"].map((service) => compose.containers(service)))).flat();
    await compose.run("stop", "api", "worker");
    const codes = await Promise.all(ids.map((id) => docker("inspect", "-f", "{{.State.ExitCode}}", id)));
    expect(codes).toEqual(["0", "0", "0", "0"]);
  });
});

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
