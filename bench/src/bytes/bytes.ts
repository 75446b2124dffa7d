import { join } from "node:path";
import type { Target } from "../load/load-plan.ts";
import { type MeasuredProcess, startProcess } from "../start-process.ts";
import { openPortkey } from "../systems/portkey.ts";
import type { System } from "../systems/system.ts";
import { openDarkroom, openUsual } from "../systems/systems.ts";
import type { Row, Scenario, ScenarioSettings } from "../wait/scenario.ts";
import { benchS3 } from "./config.ts";
import { measure, type Traffic } from "./measure.ts";
import { openBucket } from "./open-bucket.ts";

const MB = 1_000_000;

/** What the upstream sends, and what the caller asks for. */
type Flow = { upstream: "base64" | "links"; answer: "b64_json" | "url" };
type Store = "filesystem" | "S3";

const flows: Flow[] = [
  { upstream: "base64", answer: "url" },
  { upstream: "base64", answer: "b64_json" },
  { upstream: "links", answer: "url" },
];
const stores: Store[] = ["filesystem", "S3"];

const traffic = (quick: boolean): Traffic[] => [
  { megabytes: 2, n: 1, callers: 20, requests: quick ? 40 : 400 },
  { megabytes: 4, n: 10, callers: quick ? 4 : 64, requests: quick ? 4 : 64 },
];

/** Something that answers the traffic, and the processes of it that are measured. */
type Subject = {
  target: Omit<Target, "body">;
  front?: MeasuredProcess | undefined;
  worker?: MeasuredProcess | undefined;
};
type OpenedSubject = Subject & { close(): Promise<void> };
type Opening = { upstream: MeasuredProcess; environment: Record<string, string>; settings: ScenarioSettings };

/** The first two have no store, and pass links on without the images behind them. */
const subjects = new Map<string, (opening: Opening) => Promise<OpenedSubject>>([
  [
    "upstream alone",
    async ({ upstream: { origin } }) => ({
      target: { name: "upstream", origin, headers: { "content-type": "application/json" } },
      close: async () => {},
    }),
  ],
  [
    "Portkey's gateway",
    async ({ upstream }) => {
      const { gateway, headers } = await openPortkey(upstream.origin);
      return {
        target: {
          name: "portkey",
          origin: gateway.origin,
          headers: { "content-type": "application/json", ...headers },
        },
        front: gateway,
        close: () => gateway.stop(),
      };
    },
  ],
  ["plain pipeline", (opening) => openStack(openUsual, opening)],
  ["Darkroom", (opening) => openStack(openDarkroom, opening)],
]);

async function openStack(
  open: typeof openDarkroom,
  { upstream, environment, settings }: Opening,
): Promise<OpenedSubject> {
  const options = { apis: 1, workers: 1, store: "disk", profileTo: settings.profileTo } as const;
  const system: System = await open(options, {
    environment: {
      OPENAI_API_KEY: "any",
      OPENAI_BASE_URL: `${upstream.origin}/v1`,
      PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true",
      UPSTREAM_URL: `${upstream.origin}/v1/images/generations`,
      ...environment,
    },
  });
  const [target] = system.targets;
  if (target === undefined) throw new Error("The system has no api");
  return { target, front: system.apis[0], worker: system.workers[0], close: () => system.close() };
}

/** What megabytes cost: an upstream that answers after 200 ms, alone, behind another gateway, behind the plain pipeline and behind Darkroom. */
const moving = (number: number, flow: Flow, store: Store): Scenario => ({
  number,
  title: `The upstream sends ${flow.upstream}, the caller asks for ${flow.answer}, images are kept in ${store}`,
  async run(settings) {
    await using opened = new AsyncDisposableStack();
    let environment: Record<string, string> = {};
    if (store === "S3") {
      const s3 = await benchS3();
      if (s3 === null) {
        settings.tell("TEST_S3_ENDPOINT names no S3, so this is not measured");
        return [];
      }
      const bucket = await openBucket(s3);
      opened.defer(() => bucket.close());
      ({ environment } = bucket);
    }
    const rows: Row[] = [];
    for (const kind of traffic(settings.quick)) {
      const upstream = await startProcess({
        program: join(import.meta.dirname, "noise-upstream.ts"),
        environment: { IMAGE_BYTES: String(kind.megabytes * MB), AS_LINKS: String(flow.upstream === "links") },
        portVariable: "PORT",
        profileTo: undefined,
      });
      try {
        for (const [system, open] of subjects) {
          if (settings.only !== undefined && !settings.only.includes(system)) continue;
          settings.tell(`${kind.n} x ${kind.megabytes} MB, ${system}`);
          const subject = await open({ upstream, environment, settings });
          try {
            const measured = await measure({ ...subject, upstream, traffic: kind, answer: flow.answer });
            rows.push({ images: `${kind.n} x ${kind.megabytes} MB`, callers: kind.callers, system, ...measured });
          } finally {
            await subject.close();
          }
        }
      } finally {
        await upstream.stop();
      }
    }
    return rows;
  },
});

export const bytes: Scenario[] = stores.flatMap((store, i) =>
  flows.map((flow, j) => moving(1 + i * flows.length + j, flow, store)),
);
