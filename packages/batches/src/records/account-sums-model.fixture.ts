import type { Admission } from "@darkroom/accounts";
import type { Ending } from "@darkroom/contracts";
import type { Submission } from "@darkroom/generations";

export type Life = {
  submission: Submission;
  worst: number;
  status: "queued" | "running" | Ending;
  /** The fencing token of its latest attempt. */
  attempts: number;
  begun: boolean;
  /** The attempt that began this life. */
  first: number | null;
  /** Its time to start is over. */
  overdue: boolean;
  kept: boolean;
  abandoned: boolean;
  /** Put down by its latest attempt. */
  postponed: boolean;
  /** Canceled because its key was no longer in use. */
  stopped: boolean;
  /** A provider may have charged for an attempt of this life that is over. */
  inDoubt: boolean;
  /** A partial image was shown in this life. */
  shown: boolean;
  waits: boolean;
  /** A line of a batch: held to the budget alone, and stopped with its batch. */
  line: boolean;
};

export type EndingOfModel = {
  generation: string;
  status: Ending;
  cost: number | null;
  /** What the budget loses beside. */
  unbilled: number;
  providerCost: number | null;
  keyId: string;
};

export const isAlive = ({ status }: Life): boolean => status === "queued" || status === "running";

/** The sums of accounts and of the day, and what limits and budgets refuse, computed from all lives and endings each time. */
export function createSumsModel({
  lives,
  endings,
}: {
  lives: ReadonlyMap<string, Life>;
  endings: readonly EndingOfModel[];
}) {
  const windows = new Map<string, { requests: number; images: number }>();

  const of = (keyId: string) => [...lives.values()].filter(({ submission }) => submission.keyId === keyId);
  const single = ({ line }: Life) => !line;
  const spent = (keyId: string) =>
    endings
      .filter((ending) => ending.keyId === keyId)
      .reduce((sum, { cost, unbilled }) => sum + (cost ?? 0) + unbilled, 0);

  const account = (keyId: string) => {
    const total = spent(keyId);
    return {
      active: of(keyId).filter(isAlive).filter(single).length,
      queued: of(keyId)
        .filter(({ status }) => status === "queued")
        .filter(single).length,
      reserved: of(keyId)
        .filter(isAlive)
        .reduce((sum, { worst }) => sum + worst, 0),
      total,
      daySpent: total,
      monthSpent: total,
    };
  };

  /** The first budget or limit that one more would exceed. */
  function refuse(admission: Admission, keyId: string): string | null {
    const { reserved, total } = account(keyId);
    const overspent = overspends(admission, total + reserved);
    if (overspent !== null) return overspent;
    const { limits, images } = admission;
    const { active, queued } = account(keyId);
    const { requests, images: seen } = windows.get(keyId) ?? { requests: 0, images: 0 };
    if (limits.queued_generations !== null && queued >= limits.queued_generations) return "queued";
    if (limits.concurrent_generations !== null && active >= limits.concurrent_generations) return "concurrent";
    const full = [];
    if (limits.requests_per_minute !== null && requests + 1 > limits.requests_per_minute) full.push("requests");
    if (limits.images_per_minute !== null && seen + images > limits.images_per_minute) full.push("images");
    // Of two that are full, the one that is so for longer is told: that depends on the moments of earlier admissions.
    if (full.length > 0) return full.join(" or ");
    windows.set(keyId, { requests: requests + 1, images: seen + images });
    return null;
  }

  /** The sums of the day: by key and measure, nothing where it is zero. */
  function usage(): Record<string, number> {
    const sums: Record<string, number> = {};
    const add = (name: string, amount: number) => {
      if (amount > 0) sums[name] = (sums[name] ?? 0) + amount;
    };
    for (const { keyId, status, cost, unbilled, providerCost } of endings) {
      add(`${keyId} ${status}`, 1);
      if (cost === null) add(`${keyId} unpriced`, 1);
      else add(`${keyId} cost`, cost);
      add(`${keyId} unbilled`, unbilled);
      if (providerCost === null) add(`${keyId} provider_cost_unknown`, 1);
      else add(`${keyId} provider_cost`, providerCost);
      if (status !== "succeeded") continue;
      add(`${keyId} images`, 1);
      add(`${keyId} input_tokens`, 3);
      add(`${keyId} output_tokens`, 7);
    }
    return sums;
  }

  return { account, refuse, usage };
}

/** The first budget that one more would exceed where so much of it is taken. */
export function overspends({ budget, worstCaseMicros }: Admission, taken: number): string | null {
  const exceeds = (limit: number | null) => limit !== null && taken + (worstCaseMicros ?? 0) > limit;
  return (["total", "month", "day"] as const).find((name) => exceeds(budget[name])) ?? null;
}
