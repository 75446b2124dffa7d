import { type Budget, type Limits, noBudget, noLimits } from "@darkroom/contracts";

/** What a generation asks of its API key: the limits and the budget as they are now, and what it would take of them. */
export type Admission = {
  limits: Limits;
  budget: Budget;
  /** Images that are asked for. */
  images: number;
  /** The most that it can cost, in micros; null where a price is missing. It is reserved until the ending tells the cost. */
  worstCaseMicros: number | null;
};

/** Of a key that may do as it likes. */
export const unlimited: Pick<Admission, "limits" | "budget"> = { limits: noLimits, budget: noBudget };

/** The admission as `admission.lua` reads it. */
export function admissionArgument({ limits, budget, images, worstCaseMicros }: Admission): string {
  const { requests_per_minute: requests, images_per_minute: imageRate } = limits;
  const { concurrent_generations: concurrent, queued_generations: queued } = limits;
  const { day, month, total } = budget;
  return [requests, imageRate, concurrent, queued, day, month, total, images, worstCaseMicros]
    .map((number) => number ?? "-")
    .join(" ");
}
