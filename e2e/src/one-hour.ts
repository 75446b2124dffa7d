import { createdApiKeySchema } from "@darkroom/contracts";
import OpenAI, { toFile } from "openai";
import { lineFile, numberedLines, untilEnded } from "./batches.ts";

export type HourOptions = {
  origin: string;
  apiKey: string;
  adminKey: string;
  webhookUrl: string;
  /** Tells this hour from others. */
  hour: number;
};

const request = { model: "dall-e-2", size: "256x256" };
const expiresAfter = { anchor: "created_at", seconds: 3_600 } as const;

/**
 * What callers do in an hour, made short: each way to ask and each way to end, batches, files, and a tenant that comes, works and is deleted.
 * Resolves when all that they wait for has come.
 */
export async function spendHour({ origin, apiKey, adminKey, webhookUrl, hour }: HourOptions): Promise<void> {
  const call = async (path: string, { key = apiKey, method = "POST", body = {}, headers = {} }: Call = {}) => {
    const answer = await fetch(`${origin}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
      ...(method !== "GET" && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, id: answer.headers.get("x-generation-id") ?? "", text: await answer.text() };
  };
  const draw = (prompt: string, { body, ...more }: Call = {}) =>
    call("/v1/images/generations", { body: { ...request, prompt: `${prompt}, hour ${hour}`, ...body }, ...more });
  const job = { webhook: webhookUrl };

  async function drawings(): Promise<void> {
    const sync = Array.from({ length: 10 }, (_, i) => draw(`A lighthouse ${i}`, { body: { job } }));
    const repeated = Array.from({ length: 3 }, () => draw("The same twice"));
    const named = Array.from({ length: 3 }, () => draw("Named", { headers: { "idempotency-key": `hour-${hour}` } }));
    const streamed = draw("Streamed", {
      body: { model: "gpt-image-2", size: "1024x640", stream: true, partial_images: 2, job },
    });
    const failed = draw("Failed [sandbox:fail=moderation_blocked]", { body: { job } });
    const retried = draw("Failed at first [sandbox:fail=500,times=1]");
    const partly = draw("In part [sandbox:missing=1,times=1]", { body: { n: 2 } });
    const refused = [draw("Nobody's", { key: "sk-unknown" }), draw("Wrong", { body: { size: "1x1" } })];
    await Promise.all([...sync, ...repeated, ...named, ...refused, streamed, failed, retried, partly]);
  }

  async function cancellations(): Promise<void> {
    const { id } = await draw("Slow [sandbox:delay=20000]", { headers: { prefer: "respond-async" }, body: { job } });
    await call(`/v1/generations/${id}/cancel`);
    const { id: failed } = await draw("Failed [sandbox:fail=moderation_blocked]");
    await call(`/v1/generations/${failed}/retry`);
  }

  async function batch(client: OpenAI, lines: number): Promise<void> {
    const text = Buffer.from(lineFile(numberedLines(lines, `hour-${hour}-`)));
    const file = await client.files.create({
      purpose: "batch",
      file: await toFile(text, "lines.jsonl"),
      expires_after: expiresAfter,
    });
    const { id } = await client.batches.create({
      input_file_id: file.id,
      endpoint: "/v1/images/generations",
      completion_window: "24h",
      output_expires_after: expiresAfter,
    });
    await untilEnded(client, id);
    await client.batches.list();
  }

  /** A tenant of this hour alone. */
  async function guest(): Promise<void> {
    const settings = {
      tenant: `guest-${hour}`,
      name: "visit",
      limits: { requests_per_minute: 100 },
      budget: { day: 10_000_000, month: 10_000_000, total: 10_000_000 },
    };
    const made = createdApiKeySchema.parse(
      JSON.parse((await call("/admin/keys", { key: adminKey, body: settings })).text),
    );
    const { key } = made;
    await Promise.all(Array.from({ length: 3 }, (_, i) => draw(`A guest's ${i}`, { key, body: { job } })));
    await batch(new OpenAI({ baseURL: `${origin}/v1`, apiKey: key }), 3);
    await call("/v1/usage", { key, method: "GET" });
    await call("/v1/generations", { key, method: "GET" });
    await call(`/admin/keys/${made.id}`, { key: adminKey, method: "DELETE" });
  }

  const client = new OpenAI({ baseURL: `${origin}/v1`, apiKey });
  await Promise.all([drawings(), cancellations(), batch(client, 12), uploads(client), guest()]);
}

async function uploads(client: OpenAI): Promise<void> {
  for (const isDeleted of [false, true]) {
    const file = await toFile(Buffer.from("a note"), "note.jsonl");
    const { id } = await client.files.create({ purpose: "batch", expires_after: expiresAfter, file });
    if (isDeleted) await client.files.delete(id);
  }
}

type Call = { key?: string; method?: string; body?: object; headers?: Record<string, string> };
