import { join } from "node:path";
import { startLoad } from "../load/start-load.ts";
import { cpuMicros, peakBytes } from "../process-facts.ts";
import { type MeasuredProcess, startProcess } from "../start-process.ts";
import { openDarkroom, openUsual } from "../systems/systems.ts";
import type { System, SystemOptions } from "../systems/system.ts";
import type { Row, Scenario, ScenarioSettings } from "../wait/scenario.ts";

type Traffic = {
  /** Of each image. */
  megabytes: number;
  /** Images of each request. */
  n: number;
  callers: number;
  requests: number;
  asLinks: boolean;
};

const upstreamDelayMs = 200;
const MB = 1_000_000;

const traffic = (asLinks: boolean, quick: boolean): Traffic[] => [
  { megabytes: 2, n: 1, callers: 20, requests: quick ? 40 : 400, asLinks },
  { megabytes: 4, n: 10, callers: quick ? 8 : 64, requests: quick ? 8 : 64, asLinks },
];

const systems = new Map<string, typeof openDarkroom>([
  ["plain pipeline", openUsual],
  ["Darkroom", openDarkroom],
]);

/** What megabytes cost: an upstream that answers after 200 ms, alone, behind the plain pipeline and behind Darkroom. */
const moving = (number: number, title: string, asLinks: boolean): Scenario => ({
  number,
  title,
  async run(settings) {
    const rows: Row[] = [];
    for (const kind of traffic(asLinks, settings.quick)) {
      const upstream = await startProcess({
        program: join(import.meta.dirname, "noise-upstream.ts"),
        environment: { IMAGE_BYTES: String(kind.megabytes * MB), AS_LINKS: String(asLinks) },
        portVariable: "PORT",
        profileTo: undefined,
      });
      try {
        const row = { images: `${kind.n} x ${kind.megabytes} MB`, callers: kind.callers };
        settings.tell(`${row.images}, upstream alone`);
        rows.push({ ...row, system: "upstream alone", ...(await measure(kind, upstream, null)) });
        for (const [system, open] of systems) {
          settings.tell(`${row.images}, ${system}`);
          rows.push({ ...row, system, ...(await measureSystem(kind, upstream, open, settings)) });
        }
      } finally {
        await upstream.stop();
      }
    }
    return rows;
  },
});

export const bytes = [
  moving(1, "Images in base64, stored on disk", false),
  moving(2, "Images behind links, stored on disk", true),
];

async function measureSystem(
  kind: Traffic,
  upstream: MeasuredProcess,
  open: typeof openDarkroom,
  { profileTo }: ScenarioSettings,
): Promise<Row> {
  const options: SystemOptions = { apis: 1, workers: 1, store: "disk", profileTo };
  const system = await open(options, {
    environment: {
      OPENAI_API_KEY: "any",
      OPENAI_BASE_URL: `${upstream.origin}/v1`,
      PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true",
      UPSTREAM_URL: `${upstream.origin}/v1/images/generations`,
    },
  });
  try {
    return await measure(kind, upstream, system);
  } finally {
    await system.close();
  }
}

const cpuOf = async (one: MeasuredProcess | undefined) => (one === undefined ? 0 : cpuMicros(one.pid));
const peakOf = async (one: MeasuredProcess | undefined) => (one === undefined ? 0 : peakBytes(one.pid));

/** Sends the traffic to a system, or to the upstream itself. */
async function measure(
  { n, megabytes, callers, requests }: Traffic,
  upstream: MeasuredProcess,
  system: System | null,
): Promise<Row> {
  const body = JSON.stringify({ model: "gpt-image-1", prompt: "A lighthouse at dusk", n, response_format: "url" });
  const alone = { name: "upstream", origin: upstream.origin, headers: { "content-type": "application/json" } };
  const targets = system?.targets ?? [alone];
  const load = await startLoad({
    targets: targets.map(({ name, origin, headers }) => ({ name, origin, headers, body })),
    warmUp: 2,
    count: requests,
    atMostMs: 120_000,
    pace: { callers },
  });
  const [api, worker] = [system?.apis[0], system?.workers[0]];
  const before = await cpuOf(worker);
  const { results } = await load.go();
  const micros = (await cpuOf(worker)) - before;
  const [result] = results;
  if (result === undefined) throw new Error("The load generator had no result");
  const images = result.answered * n;
  return {
    "images/s": Math.round(result.perSecond * n * 10) / 10,
    "MB/s": Math.round(result.perSecond * n * megabytes),
    "p50 ms beyond the upstream": Math.round(result.p50Ms - upstreamDelayMs),
    "p99 ms": Math.round(result.p99Ms - upstreamDelayMs),
    failed: result.failed,
    "worker CPU ms/MB": Math.round(micros / 10 / (images * megabytes)) / 100,
    "worker peak MB": Math.round((await peakOf(worker)) / MB),
    "api peak MB": Math.round((await peakOf(api)) / MB),
  };
}
