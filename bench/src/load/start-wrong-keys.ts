import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { WrongKeysMessage, WrongKeysPlan } from "./wrong-keys-plan.ts";

/** Begins to try wrong keys. `stop` resolves with how many were refused a second. */
export function startWrongKeys(plan: WrongKeysPlan): { stop(): Promise<number> } {
  const child = fork(fileURLToPath(new URL("wrong-keys.ts", import.meta.url)));
  const message = once(child, "message");
  child.send(plan);
  return {
    async stop() {
      child.send("stop");
      const ended = once(child, "exit");
      const [told]: WrongKeysMessage[] = await message;
      await ended;
      if (told?.kind !== "done") throw new Error(`Wrong keys could not be tried: ${told?.message}`);
      return told.perSecond;
    },
  };
}
