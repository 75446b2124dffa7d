import { scaleLane } from "@darkroom/queue";
import type { SimulatedCell } from "./simulated-cell.ts";

/** As in deploy/kubernetes/keda/scaled-object.yaml and deploy/prometheus/prometheus.yml. */
export const everySeconds = 15;
const lullSeconds = 300;
const takenAwayPerLook = 2 / (60 / everySeconds);
/** From the decision until the worker takes jobs. */
const startSeconds = 30;
/** `SCALING_HORIZON_SECONDS`, by default. */
const horizonMs = 30_000;

/** KEDA with the gauge `darkroom_workers_desired`, computed by the function that computes it for an api. */
export function createAutoscaler({ concurrency, serviceSeconds }: { concurrency: number; serviceSeconds: number }) {
  const wanted: { atSeconds: number; workers: number }[] = [];
  const starting: { atSeconds: number; workers: number }[] = [];
  let mayGo = 0;

  /** Is called each `everySeconds`. */
  return function look(cell: SimulatedCell, nowSeconds: number): void {
    const { workersDesired } = scaleLane({
      figures: {
        waiting: cell.waiting(),
        active: cell.active(),
        paused: false,
        isLimited: false,
        acceptedPerSecond: 0,
      },
      service: { concurrency, serviceMs: serviceSeconds * 1_000 },
      horizonMs,
    });
    wanted.push({ atSeconds: nowSeconds, workers: workersDesired });
    while ((wanted[0]?.atSeconds ?? nowSeconds) < nowSeconds - lullSeconds) wanted.shift();
    for (let next = starting[0]; next !== undefined && next.atSeconds <= nowSeconds; next = starting[0]) {
      starting.shift();
      cell.scaleTo(cell.workers() + next.workers, nowSeconds);
    }
    const underWay = cell.workers() + starting.reduce((sum, { workers }) => sum + workers, 0);
    if (workersDesired > underWay)
      starting.push({ atSeconds: nowSeconds + startSeconds, workers: workersDesired - underWay });
    const needed = Math.max(...wanted.map(({ workers }) => workers));
    mayGo = needed < underWay ? mayGo + takenAwayPerLook : 0;
    const going = Math.min(Math.floor(mayGo), underWay - needed, cell.workers());
    if (going > 0) {
      mayGo -= going;
      cell.scaleTo(cell.workers() - going, nowSeconds);
    }
  };
}
