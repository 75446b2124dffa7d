import { secretSetting } from "@darkroom/runtime";
import { z } from "zod";
import { baseUrlSchema } from "../http/base-url.ts";

const headers = z
  .string()
  .transform((text, context) => {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      context.addIssue({ code: "custom", message: 'must be a JSON object, such as {"x-team":"images"}' });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().regex(/^[\w-]+$/), z.string()));

/** OpenAI, or any server that speaks its wire format. */
export const settingsSchema = z.object({
  OPENAI_API_KEY: secretSetting(
    z
      .string()
      .optional()
      .describe("The key that images are bought with. For a server that needs no key, set any word."),
  ),
  OPENAI_BASE_URL: baseUrlSchema
    .default("https://api.openai.com/v1")
    .describe(
      "Where the API is, up to and including its /v1. A query, such as Azure's `?api-version=…`, is sent along.",
    ),
  OPENAI_ORGANIZATION: z
    .string()
    .optional()
    .describe("Sent as OpenAI-Organization, for keys of several organizations."),
  // Gateways take their keys in such headers.
  OPENAI_EXTRA_HEADERS: secretSetting(
    headers
      .optional()
      .describe("A JSON object of headers to send with every call, for gateways that ask for their own."),
  ),
});
export type OpenAiSettings = z.output<typeof settingsSchema>;
