import type { ServerResponse } from "node:http";
import type { Drain } from "../drain.ts";

/** Why a wait was over before its generation: it took too long, the caller has gone, this process is going. */
export type Interruption = "timeout" | "disconnect" | "shutdown";

export type LimitWaitOptions = {
  response: ServerResponse;
  /** Absent: as long as it takes. */
  timeoutMs?: number;
  drain: Drain;
};

/** Begins to look out for whatever may interrupt a wait. `release` must be called when the wait is over. */
export function limitWait({ response, timeoutMs, drain }: LimitWaitOptions) {
  const { promise: interrupted, resolve } = Promise.withResolvers<Interruption>();
  // Before it is answered a response closes only because its connection did.
  const onClose = () => resolve("disconnect");
  if (response.destroyed) onClose();
  else response.once("close", onClose);
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => resolve("timeout"), timeoutMs);
  const forget = drain.onDismiss(() => resolve("shutdown"));

  return {
    interrupted,
    release(): void {
      response.off("close", onClose);
      clearTimeout(timer);
      forget();
    },
  };
}
