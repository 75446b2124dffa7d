import { type Budget, type Limits, noBudget, noLimits } from "@darkroom/contracts";

/** What a generation needs from its API key: the current limits and budget, and how much of them it would use. */
export type Admission = {
  limits: Limits;
  budget: Budget;
  /** Images that the request asks for. */
  images: number;
  /** The most that it can cost, in micros; null where a price is missing. It is reserved until the ending tells the cost. */
  worstCaseMicros: number | null;
};

/** The limits and the budget of a key without any. */
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
