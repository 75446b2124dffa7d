import { countOf } from "@darkroom/contracts";
import { downloadResults, type Downloaded } from "../../batch/download-results.ts";
import { explainDiskError } from "../../batch/explain-disk-error.ts";
import { withFarewell } from "../../batch/with-farewell.ts";
import type { HttpApi } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";

type Wanted = Parameters<typeof downloadResults>[0] & {
  /** What to say when this is interrupted. */
  farewell: string;
};

/**
 * Downloads with a progress, and says what came of it.
 * @throws {Problem} as `downloadResults` does, and for what the disk refuses
 */
export async function showDownload(shell: Shell, api: HttpApi, { farewell, ...wanted }: Wanted) {
  const progress = shell.startProgress();
  try {
    const work = () => downloadResults(wanted, { api, fetch, progress });
    const downloaded = await withFarewell(() => progress.note(farewell), work);
    progress.stop();
    shell.say(downloadWords(wanted.folder, downloaded));
    return downloaded;
  } catch (error) {
    throw explainDiskError(error);
  } finally {
    progress.stop();
  }
}

/** What a download came to, in a sentence or two. */
function downloadWords(folder: string, { saved, already, errors }: Downloaded): string {
  const before = already === 0 ? "" : `, ${already} were there already`;
  const lines = errors === null ? "" : ` Lines without an image are in ${errors}.`;
  return `${countOf(saved, "image")} written to ${folder}${before}.${lines}`;
}
