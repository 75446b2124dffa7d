import { defaultLoad, type Load } from "@darkroom/capacity";

/** How long the sandbox takes for each generation. */
export const delayMs = 3_000;
/** Calls at a time of a worker. */
export const concurrency = 8;

/** What a step is planned for: small images, of which two cores can draw enough, and callers that wait for links. */
export const loadOf = (perSecond: number): Load => ({
  ...defaultLoad,
  imagesPerSecond: perSecond,
  serviceSeconds: delayMs / 1_000,
  imageBytes: 1_000,
  concurrency,
  base64Share: 0,
});
