import type { LaneService } from "@darkroom/redis";
import type { LaneFigures } from "./lane-figures.ts";

/** Workers are to have a fifth of their slots free, so that a request that comes now begins now, and a worker may die. */
const usedShare = 0.8;

export type ScaleLaneOptions = {
  figures: Pick<LaneFigures, "waiting" | "active" | "paused" | "isLimited" | "acceptedPerSecond">;
  service: Pick<LaneService, "concurrency" | "serviceMs">;
  /** Within which time the jobs in line are to begin, in milliseconds: about how long a new worker takes to start. */
  horizonMs: number;
};

export type LaneScale = {
  /** How many workers the lane needs now. */
  workersDesired: number;
  /**
   * From 0 to 1: which share of what the upstream takes the lane needs. At 1 the upstream is the limit, and more workers draw nothing sooner.
   * 0 for a lane whose upstream has refused no call lately.
   */
  saturation: number;
};

/**
 * Computes how many workers a lane needs: `ceil((waiting + active) / (concurrency × 0.8))`, with two corrections.
 *
 * A slot that is free again within the horizon serves several of the jobs in line. With a service time of 2 s and a horizon of 30 s it
 * serves 15, so that 300 jobs in line take 20 slots and not 300. A service time as long as the horizon or longer, or an unknown one, changes nothing.
 *
 * An upstream that refuses calls for its rate limit keeps only `acceptedPerSecond × service time` slots busy (Little's law). More workers
 * than that wait for it. One worker stays, to find out when the upstream has room, and so do those whose jobs are running.
 */
export function scaleLane({ figures, service, horizonMs }: ScaleLaneOptions): LaneScale {
  const { waiting, active, paused, isLimited, acceptedPerSecond } = figures;
  const { concurrency, serviceMs } = service;
  if (paused || waiting + active === 0) return { workersDesired: 0, saturation: 0 };
  const shareInHorizon = serviceMs === null ? 1 : Math.min(serviceMs / horizonMs, 1);
  const neededSlots = active + waiting * shareInHorizon;
  const workersFor = (slots: number) => Math.max(Math.ceil(slots / (concurrency * usedShare)), 1);
  if (!isLimited) return { workersDesired: workersFor(neededSlots), saturation: 0 };
  const fedSlots = Math.max((acceptedPerSecond * (serviceMs ?? 0)) / 1_000, active);
  return {
    workersDesired: Math.min(workersFor(neededSlots), workersFor(fedSlots)),
    saturation: fedSlots === 0 ? 1 : Math.min(neededSlots / fedSlots, 1),
  };
}
