import type { Target } from "../load/load-plan.ts";
import { startLoad } from "../load/start-load.ts";
import { childrenOf, cpuMicros, cpuMicrosOfChildren, peakBytes } from "../process-facts.ts";
import type { MeasuredProcess } from "../start-process.ts";
import type { Row } from "../wait/scenario.ts";

export type Traffic = {
  /** Of each image. */
  megabytes: number;
  /** Images of each request. */
  n: number;
  callers: number;
  requests: number;
};

export type Measurement = {
  target: Omit<Target, "body">;
  traffic: Traffic;
  answer: "b64_json" | "url";
  upstream: MeasuredProcess;
  /** What the callers talk to, where it is not the upstream. */
  front?: MeasuredProcess | undefined;
  /** Its children decode images. */
  worker?: MeasuredProcess | undefined;
};

/** What the upstream of the bench takes to answer. */
const upstreamDelayMs = 200;
/** The slowest of these, the plain pipeline with all of its images in memory, takes a minute. */
const atMostMs = 300_000;
const MB = 1_000_000;

/** Sends the traffic, and measures the answers and what each process takes for a megabyte of images. */
export async function measure({ target, traffic, answer, ...processes }: Measurement): Promise<Row> {
  const { n, megabytes, callers, requests } = traffic;
  const body = JSON.stringify({ model: "gpt-image-1", prompt: "A lighthouse at dusk", n, response_format: answer });
  const load = await startLoad({
    targets: [{ ...target, body }],
    // Each process has its own code to compile. A reply of ten images is enough for that.
    warmUp: n === 1 ? callers : 2,
    count: requests,
    atMostMs,
    pace: { callers },
  });
  const before = await cpuOf(processes);
  const { results, elapsedMs } = await load.go();
  const after = await cpuOf(processes);
  const [result] = results;
  if (result === undefined) throw new Error("The load generator had no result");
  const images = result.answered * n;
  const perMegabyte = (part: keyof typeof after) =>
    Math.round((after[part] - before[part]) / 10 / (images * megabytes)) / 100;
  const perSecond = (images * 1_000) / elapsedMs;
  const { front, worker } = processes;
  return {
    "images/s": Math.round(perSecond * 10) / 10,
    "MB/s": Math.round(perSecond * megabytes),
    "p50 ms beyond the upstream": Math.round(result.p50Ms - upstreamDelayMs),
    "p99 ms": Math.round(result.p99Ms - upstreamDelayMs),
    failed: result.failed,
    "CPU ms/MB: upstream": perMegabyte("upstream"),
    "api or gateway": perMegabyte("front"),
    worker: perMegabyte("worker"),
    decoders: perMegabyte("decoders"),
    "peak MB: api or gateway": await peakOf(front === undefined ? [] : [front.pid]),
    "peak MB: worker": await peakOf(worker === undefined ? [] : [worker.pid]),
    "peak MB: decoders": await peakOf(worker === undefined ? [] : await childrenOf(worker.pid)),
  };
}

type Processes = Pick<Measurement, "upstream" | "front" | "worker">;

const cpuOf = async ({ upstream, front, worker }: Processes) => ({
  upstream: await cpuMicros(upstream.pid),
  front: front === undefined ? 0 : await cpuMicros(front.pid),
  worker: worker === undefined ? 0 : await cpuMicros(worker.pid),
  decoders: worker === undefined ? 0 : await cpuMicrosOfChildren(worker.pid),
});

async function peakOf(pids: readonly number[]): Promise<number> {
  const peaks = await Promise.all(pids.map(peakBytes));
  return Math.round(peaks.reduce((sum, bytes) => sum + bytes, 0) / MB);
}
