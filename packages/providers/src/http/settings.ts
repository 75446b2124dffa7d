import { z } from "zod";

const milliseconds = z.coerce.number().int().min(1).max(3_600_000);
const bytes = z.coerce.number().int().min(1);
const mebibyte = 1024 * 1024;

/** How patient and how trusting the HTTP client is, over environment variable names. */
export const httpSettingsSchema = z.object({
  PROVIDER_CONNECT_TIMEOUT_MS: milliseconds
    .default(10_000)
    .describe("How long to wait for a connection to a provider, TLS included. A healthy one takes under a second."),
  PROVIDER_HEADERS_TIMEOUT_MS: milliseconds
    .default(300_000)
    .describe("How long a provider may draw before it answers at all. The slowest models take about 200 seconds."),
  PROVIDER_IDLE_TIMEOUT_MS: milliseconds
    .default(60_000)
    .describe("How long a provider may send nothing in the middle of an answer."),
  PROVIDER_TOTAL_TIMEOUT_MS: milliseconds
    .default(360_000)
    .describe("How long one provider call may take from first to last byte, so that a slow answer ends too."),
  PROVIDER_DOWNLOAD_TIMEOUT_MS: milliseconds
    .default(120_000)
    .describe("How long fetching one image from a URL may take, its redirects and second tries included."),
  PROVIDER_MAX_REPLY_BYTES: bytes
    .default(256 * mebibyte)
    .describe("The largest reply of a provider that is read: ten PNGs of 19 MiB each in base64."),
  PROVIDER_MAX_IMAGE_BYTES: bytes
    .default(64 * mebibyte)
    .describe("The largest image that is accepted: twice an uncompressed picture of 3840x2160."),
  PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: z
    .stringbool()
    .default(false)
    .describe(
      "Also fetch images from private addresses, for providers in your own network. Off: public addresses only.",
    ),
});
export type HttpSettings = z.output<typeof httpSettingsSchema>;
