import type { Generation } from "@darkroom/contracts";
import { formatDollars } from "./dollars.ts";
import { formatDuration } from "./duration.ts";

/** By what an image was drawn, in what time and for how much, in two sentences. */
export function drawnWords({ model, provider, cost, timings_ms: { total } }: Generation): string {
  const time = total === undefined ? "" : ` in ${formatDuration(total)}`;
  const who = provider === "sandbox" ? `the sandbox${time}, in place of ${model}` : `${model}${time}`;
  return `Drawn by ${who}. Cost: ${cost === null ? "unknown" : formatDollars(cost)}.`;
}
