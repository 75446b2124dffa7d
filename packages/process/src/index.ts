export { type CloseList, createCloseList } from "./close-list.ts";
export { readOrExit } from "./read-or-exit.ts";
export { runProcess } from "./run-process.ts";
