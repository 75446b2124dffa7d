import { countOf } from "@darkroom/contracts";
import type { Downloaded } from "../batch/download-results.ts";

/** What a download came to, in a sentence or two. */
export function downloadWords(folder: string, { saved, already, errors }: Downloaded): string {
  const before = already === 0 ? "" : `, ${already} were there already`;
  const lines = errors === null ? "" : ` Lines without an image are in ${errors}.`;
  return `${countOf(saved, "image")} written to ${folder}${before}.${lines}`;
}
