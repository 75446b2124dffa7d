import { readFile } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createHttpClient, createImageChecker, createProviders, readProviderSettings } from "@darkroom/providers";
import { cpuMicros, peakBytes } from "../process-facts.ts";

/** What a drawing cost, beyond what an ordinary one before it had cost. */
export type DrawingCost = {
  /** "delivered", or why not. */
  outcome: string;
  ms: number;
  /** The longest time for which the process did nothing else. */
  stallMs: number;
  workerCpuMs: number;
  workerPeakBytes: number;
  /** Of the process that decodes. */
  decoderCpuMs: number;
  decoderPeakBytes: number;
};

// A process of its own for each measurement: memory that was taken once is seldom given back. Its argument is the base URL of an upstream.
const [baseUrl = ""] = process.argv.slice(2);
const settings = readProviderSettings({
  OPENAI_API_KEY: "any",
  OPENAI_BASE_URL: baseUrl,
  PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true",
});
const http = createHttpClient(settings.http);
const images = createImageChecker({ decoding: "always" });
const provider = createProviders({ settings, deps: { http, images }, sandboxFallback: false }).get("openai");
const draw = async (): Promise<string> => {
  const call = {
    generationId: "gen_bench",
    model: "m",
    parameters: { prompt: "a lighthouse" },
    indexes: [0],
    signal: new AbortController().signal,
  };
  return (
    provider?.generate(call).then(
      () => "delivered",
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    ) ?? "no provider"
  );
};

await draw();
// Linux lists the processes that a thread has started.
const [decoder = 0] = (await readFile(`/proc/self/task/${process.pid}/children`, "utf8")).split(" ").map(Number);
const pids = [process.pid, decoder];
const usageOf = async (pid: number) => ({ cpu: await cpuMicros(pid), peak: await peakBytes(pid) });
const before = await Promise.all(pids.map(usageOf));
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
const beganMs = performance.now();
const outcome = await draw();
const ms = performance.now() - beganMs;
delay.disable();
const after = await Promise.all(pids.map(usageOf));
const [worker, decoding] = pids.map((_, index) => ({
  cpuMs: ((after[index]?.cpu ?? 0) - (before[index]?.cpu ?? 0)) / 1_000,
  peakBytes: (after[index]?.peak ?? 0) - (before[index]?.peak ?? 0),
}));
const cost: DrawingCost = {
  outcome,
  ms,
  stallMs: delay.max / 1_000_000,
  workerCpuMs: worker?.cpuMs ?? 0,
  workerPeakBytes: worker?.peakBytes ?? 0,
  decoderCpuMs: decoding?.cpuMs ?? 0,
  decoderPeakBytes: decoding?.peakBytes ?? 0,
};
console.log(JSON.stringify(cost));
images.close();
await http.close();
