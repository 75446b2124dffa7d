import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { unfitRedis } from "@darkroom/testing";
import { describe, test } from "vitest";
import { startService } from "./service.ts";

const settings = {
  STORAGE: "memory",
  PUBLIC_BASE_URL: "http://127.0.0.1:1",
  LINK_SIGNING_SECRET: "a secret for tests, long enough to be one",
  SANDBOX_FALLBACK: "true",
  API_KEYS: `acme:test:${hashApiKey(newApiKey())}`,
  PORT: "0",
};

/** One of each kind. What is said of the others is tested beside `checkRedis`, which both processes call first. */
const kinds = [
  "a wrong password",
  "a certificate of an unknown authority",
  "Cluster mode",
  "an evicting policy",
  "a host name that does not resolve",
];
const unfit = Object.entries(unfitRedis).filter(([name]) => kinds.includes(name));

test("every kind is among the cases", ({ expect }) => {
  expect(unfit).toHaveLength(kinds.length);
});

describe.concurrent("api and worker end with 1 and one line that says what is wrong with Redis, for", () => {
  test.for(unfit)("%s", async ([, { start, says }], { expect, onTestFinished }) => {
    const { url, stop } = await start();
    onTestFinished(stop);
    const services = ["apps/api/src/main.ts", "apps/worker/src/main.ts"].map((entry) =>
      startService(entry, { ...settings, REDIS_URL: url }),
    );
    onTestFinished(async () => {
      await Promise.all(services.map((service) => service.end("SIGKILL")));
    });
    expect(await Promise.all(services.map(({ exited }) => exited))).toEqual([1, 1]);
    const { hostname, port, password } = new URL(url);
    for (const { lines } of services) {
      // Of what else the api warns at its start, nothing is about Redis.
      const told = lines.map((line) => JSON.parse(line)).filter(({ level, err }) => level > 30 && err !== undefined);
      expect(told).toMatchObject([{ level: 60, msg: expect.stringContaining(`Redis at ${hostname}:${port} `) }]);
      expect(told[0].msg.replace(`Redis at ${hostname}:${port} `, "")).toMatch(says);
      if (password !== "") expect(lines.join("\n")).not.toContain(password);
    }
  });
});
