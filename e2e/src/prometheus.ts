import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished } from "vitest";
import { z } from "zod";
import { runProgram } from "./run-program.ts";

/**
 * Whether Prometheus and its `promtool` are there. False, and said aloud, where they are not on a person's machine; throws where `CI` is
 * set, since a check that is skipped there is not made anywhere.
 */
export async function hasPrometheus(): Promise<boolean> {
  try {
    for (const program of ["promtool", "prometheus"]) await runProgram(program, ["--version"]);
    return true;
  } catch {
    const problem = "There is no Prometheus on the PATH (apt-get install prometheus, or brew install prometheus).";
    if (process.env["CI"]) throw new Error(`CI is set, and rules and dashboards cannot be checked. ${problem}`);
    console.warn(`\n⚠  SKIPPED: alert rules and dashboards. ${problem}\n`);
    return false;
  }
}

const answerSchema = z.object({
  status: z.literal("success"),
  data: z.object({
    result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: z.tuple([z.number(), z.string()]) })),
  }),
});

/** What a query has found: each series with its labels. */
export type Found = { labels: Record<string, string>; value: number }[];

export type ScrapedStack = { origin: string; adminKey: string; workerPort: number };

/** A Prometheus of the test's own that scrapes an api and a worker every second, as `deploy/prometheus/prometheus.yml` has it. */
export async function startPrometheus({ origin, adminKey, workerPort }: ScrapedStack) {
  const folder = await temporaryFolder();
  const port = await freePort();
  await mkdir(join(folder, "data"));
  await writeFile(join(folder, "key"), adminKey, { mode: 0o600 });
  const configuration = `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: darkroom-api
    authorization: { credentials_file: ${join(folder, "key")} }
    static_configs: [{ targets: ["${new URL(origin).host}"] }]
  - job_name: darkroom-worker
    static_configs: [{ targets: ["127.0.0.1:${workerPort}"] }]
`;
  const file = join(folder, "prometheus.yml");
  await writeFile(file, configuration);
  const options = [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const prometheus = spawn("prometheus", options, { stdio: "ignore" });
  onTestFinished(async () => {
    if (prometheus.exitCode !== null) return;
    const ended = once(prometheus, "exit");
    prometheus.kill("SIGTERM");
    await ended;
  });
  const base = `http://127.0.0.1:${port}`;
  await expect
    .poll(() =>
      fetch(`${base}/-/ready`).then(
        ({ status }) => status,
        () => null,
      ),
    )
    .toBe(200);

  return {
    /** Evaluates a query now. Throws where Prometheus does not understand it. */
    async query(query: string): Promise<Found> {
      const answer = await fetch(`${base}/api/v1/query?${new URLSearchParams({ query })}`);
      const { data } = answerSchema.parse(await answer.json());
      return data.result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) }));
    },
  };
}
