import type { ImageProvider } from "@darkroom/providers";
import { laneName } from "@darkroom/queue";

/** `provider`: undefined where the environment has none for the lane, and only models with deployments are drawn on it. */
export type LanePlan = { lane: string; provider: ImageProvider | undefined; concurrency: number };

export type PlanLanesOptions = {
  providers: ReadonlyMap<string, ImageProvider>;
  /** The providers of models that have deployments. */
  deployed?: ReadonlySet<string>;
  /** WORKER_LANES: `openai.interactive=50,…`. */
  named: string | undefined;
  /** Calls at a time on each lane where none is named. */
  concurrency: number;
};

/**
 * Which lanes to work off, and how many calls at a time on each: the ones named (`openai.interactive=50,…`), else every provider's.
 * Throws when a lane is named whose provider cannot be called from here, or when there is nothing to do.
 */
export function planLanes({ providers, deployed = new Set(), named, concurrency }: PlanLanesOptions): LanePlan[] {
  const all = [...new Set([...providers.keys(), ...deployed])].flatMap((name) =>
    (["interactive", "batch"] as const).map((laneClass) => ({
      lane: laneName(name, laneClass),
      provider: providers.get(name),
      concurrency,
    })),
  );
  if (all.length === 0) {
    throw new Error(
      "No provider has a key, so there is nothing to work off. Set OPENAI_API_KEY or ARK_API_KEY, or SANDBOX_FALLBACK=true, or name deployments in DEPLOYMENTS_FILE.",
    );
  }
  if (named === undefined) return all;
  return named.split(",").map((entry) => {
    const [lane = "", slots = ""] = entry.split("=");
    const plan = all.find((candidate) => candidate.lane === lane);
    if (plan === undefined) {
      const choice = all.map((candidate) => candidate.lane).join(", ");
      throw new Error(`WORKER_LANES names "${lane}", which this worker cannot serve. It can serve: ${choice}.`);
    }
    return { lane, provider: plan.provider, concurrency: Number(slots) };
  });
}
