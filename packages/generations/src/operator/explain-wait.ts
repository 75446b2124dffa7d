import { countOf, isEnding, waitReasons } from "@darkroom/contracts";
import type { JobPlace, LaneFigures } from "@darkroom/queue";
import type { OperatorView } from "./operator-view.ts";

type WaitReason = (typeof waitReasons)[number];

/** One worker's part of a lane. */
export type LaneSlots = { concurrency: number; active: number; paused: boolean };

/** What decides whether a generation waits. */
export type WaitFacts = {
  view: OperatorView;
  /** By the clock of Redis. */
  nowMs: number;
  /** Of its lane. */
  figures: LaneFigures;
  /** What BullMQ holds of its job. */
  place: JobPlace;
  /** How many jobs the lane gives out before it, plus one; null where it is not in line. */
  position: number | null;
  /** The workers of its lane that are alive and take new work. */
  workers: readonly LaneSlots[];
};

/** The longest that a worker puts a job back before an attempt, in milliseconds: for room at a deployment (`@darkroom/deployments`). */
const longestPutBackMs = 30_000;

export type Explanation = { reason: WaitReason; why: string };

/**
 * Says in a sentence why a generation is where it is. Of several reasons it tells the one that lasts longest: what only the operator ends
 * comes before what ends by itself.
 */
export function explainWait(facts: WaitFacts): Explanation {
  const { view, nowMs, place } = facts;
  const { status, lane } = view;
  if (isEnding(status)) {
    const code = view.error === null ? "" : ` (${view.error.code})`;
    return { reason: "ended", why: `It has ended: it is ${status}${code}.` };
  }
  if (status === "running") {
    return {
      reason: "running",
      why: `A worker runs attempt ${view.attempts}, for ${seconds(sinceStart(view, nowMs))}.`,
    };
  }
  if (place === "held") return { reason: "taken", why: "A worker has taken its job and begins it now." };
  if (place === "none" || place === "broken") {
    const why = `The lane ${lane} does not hold its job. It was submitted this moment, or the job was lost: workers look for lost jobs, and put it back within about a minute.`;
    return { reason: "job_missing", why };
  }
  return explainLane(facts) ?? explainLine(facts);
}

/** Why the lane gives it out to no worker; null where nothing keeps the lane from it. */
function explainLane({ view, nowMs, figures, position, workers }: WaitFacts): Explanation | null {
  const { lane, resumesAtMs } = view;
  if (figures.paused) {
    const why = `The lane ${lane} is paused, and no worker takes a job from it until it is resumed${behind(position)}.`;
    return { reason: "lane_paused", why };
  }
  if (workers.length === 0) {
    const why = `No worker that is alive works off the lane ${lane}: start one${behind(position)}.`;
    return { reason: "no_worker", why };
  }
  if (position === null && resumesAtMs !== null && resumesAtMs > nowMs) {
    return { reason: "retry_delayed", why: explainPause(view, resumesAtMs, nowMs) };
  }
  if (figures.closedMs > 0) {
    const why = `The rate limit of the upstream is reached, and the lane ${lane} gives out no job for another ${seconds(figures.closedMs)}${behind(position)}.`;
    return { reason: "upstream_rate_limit", why };
  }
  if (workers.every(({ paused }) => paused)) {
    const why = `All workers of the lane ${lane} take no jobs, because the object store refuses images${behind(position)}.`;
    return { reason: "store_refuses", why };
  }
  return null;
}

function explainPause({ attempts, failures, handbacks }: OperatorView, resumesAtMs: number, nowMs: number): string {
  const when = `and the next one begins at ${new Date(resumesAtMs).toISOString()}, in ${seconds(resumesAtMs - nowMs)}`;
  if (failures > 0) return `Attempt ${attempts} failed (${countOf(failures, "failure")} so far), ${when}.`;
  return handbacks > 0
    ? `Attempt ${attempts} was given back by its worker, ${when}.`
    : `Its attempt waits for a pause, ${when}.`;
}

/** It waits for its turn. */
function explainLine({ view, figures, position, workers }: WaitFacts): Explanation {
  if (position === null) {
    const why = `No deployment of its model had room for it, or its worker could not store images. It returns to the line within about ${seconds(longestPutBackMs)}.`;
    return { reason: "no_room", why };
  }
  const slots = workers.reduce((sum, { concurrency }) => sum + concurrency, 0);
  if (figures.active >= slots) {
    const why = `All ${countOf(slots, "slot")} of the ${countOf(workers.length, "worker")} of the lane ${view.lane} are in use (WORKER_CONCURRENCY)${behind(position)}.`;
    return { reason: "concurrency_limit", why };
  }
  return { reason: "in_line", why: `It is in line on the lane ${view.lane}${behind(position)}.` };
}

function behind(position: number | null): string {
  if (position === null) return "";
  if (position === 1) return "; it is the next";
  return position === 2 ? "; 1 job comes before it" : `; ${position - 1} jobs come before it`;
}

const sinceStart = ({ startedAtMs }: OperatorView, nowMs: number): number =>
  Math.max(nowMs - (startedAtMs ?? nowMs), 0);

const seconds = (ms: number): string => `${Math.max(Math.ceil(ms / 1_000), 1)} s`;
