export { createLaneRound } from "./lane-round.ts";
export { createPreparedLines } from "./prepared-lines.ts";
