import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Bytes held by buffers that are still in use, for tests: resident memory would count garbage too, and rise and fall by chance. */
export function bytesAtRest(): number {
  runInNewContext("gc()");
  return process.memoryUsage().arrayBuffers;
}
