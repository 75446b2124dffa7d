import { secretSetting } from "@darkroom/runtime";
import { z } from "zod";
import { baseUrlSchema } from "../http/base-url.ts";

/** Volcano Engine's Ark, the platform of the Seedream models. */
export const settingsSchema = z.object({
  ARK_API_KEY: secretSetting(z.string().optional().describe("The key of a Volcano Engine Ark account.")),
  ARK_BASE_URL: baseUrlSchema
    .default("https://ark.cn-beijing.volces.com/api/v3")
    .describe("Where the API is, up to and including its /api/v3."),
});
export type VolcengineSettings = z.output<typeof settingsSchema>;
