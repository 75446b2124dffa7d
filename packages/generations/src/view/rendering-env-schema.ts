import { wholeNumber } from "@darkroom/runtime";
import { z } from "zod";

const secondsPerWeek = 604_800;

/** The environment variables of every process that shows generations. */
export const renderingEnvSchema = z.object({
  LINK_TTL_SECONDS: wholeNumber(3_600, secondsPerWeek)
    .default(86_400)
    .describe("How long a link to an image works: from an hour, which the API promises, to the week that S3 allows."),
});
