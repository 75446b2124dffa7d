import { waitForBatch } from "../../batch/wait-for-batch.ts";
import { withFarewell } from "../../batch/with-farewell.ts";
import type { HttpApi } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";

export type Waiting = {
  id: string;
  /** The command that waits for it again. */
  comeBack: string;
};

/** Waits for a batch to end, with a progress. Ctrl-C ends the waiting and not the batch. */
export async function showWait(shell: Shell, api: HttpApi, { id, comeBack }: Waiting) {
  const progress = shell.startProgress();
  const farewell = () => progress.note(`The batch ${id} goes on. Continue with: ${comeBack}`);
  try {
    return await withFarewell(farewell, () => waitForBatch(api, id, progress));
  } finally {
    progress.stop();
  }
}
