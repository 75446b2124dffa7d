export { createLaneBackoff, type LaneBackoff } from "./lane-backoff.ts";
export { type LaneFigures, readLaneFigures } from "./lane-figures.ts";
export { type LaneJobState, laneJobStates } from "./lane-jobs.ts";
export { startsSpanMs, startsSpans } from "./lane-rate.ts";
export { createLanes, isBatchLane, type JobPlace, laneName, type Lanes } from "./lanes.ts";
export { queuePosition, type QueuePosition } from "./queue-position.ts";
export { defaultRetryPolicy, pauseBeforeRetry, type RetryPolicy } from "./retry-policy.ts";
export { type Rerun, workOffLane, type WorkOffLaneOptions } from "./work-off-lane.ts";
