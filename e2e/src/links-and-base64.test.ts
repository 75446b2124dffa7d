import { hash } from "node:crypto";
import { readFileSync } from "node:fs";
import { generationEventSchema } from "@darkroom/contracts";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { createBatch, readLines, untilEnded } from "./batches.ts";
import { openStack, type Stack } from "./stack.ts";
import { startWebhookReceiver } from "./webhook-receiver.ts";

/** An image as it stands in a body or an event. Strict about null: what says nothing of an image is a fault, too. */
const imageSchema = z.looseObject({ b64_json: z.string().nullable().optional(), url: z.string().optional() });
type Image = z.infer<typeof imageSchema>;

/** What a cell of the table says of an image: in a body a link has `b64_json` null beside it, in an event nothing. */
function cellOf(image: Image | undefined, isEvent: boolean): string {
  if (image === undefined) return "none";
  const { b64_json, url } = image;
  if (typeof b64_json === "string") return url === undefined ? "base64" : "both";
  expect(b64_json).toBe(isEvent ? undefined : null);
  return url === undefined ? "neither" : "link";
}

const [, table = ""] = /### Links and base64\n.*?\n(\|.*?)\n\n/s.exec(
  readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8"),
) ?? [""];
const rows = table.split("\n").map((line) =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim()),
);
const [, ...columns] = rows[0] ?? [];

/** Who asks for what, by the heads of the columns. */
const askers: Record<string, { model: string; size: string; response_format?: "url" | "b64_json" }[]> = {
  "nothing asked, GPT image model": [{ model: "gpt-image-2", size: "1024x1024" }],
  "nothing asked, other models": [
    { model: "dall-e-2", size: "256x256" },
    { model: "doubao-seedream-3-0-t2i", size: "512x512" },
  ],
  "`url` asked": [
    { model: "gpt-image-2", size: "1024x1024", response_format: "url" },
    { model: "dall-e-2", size: "256x256", response_format: "url" },
  ],
  "`b64_json` asked": [
    { model: "gpt-image-2", size: "1024x1024", response_format: "b64_json" },
    { model: "dall-e-2", size: "256x256", response_format: "b64_json" },
  ],
};
type Asker = NonNullable<(typeof askers)[string]>[number];

const settings = ["both", "url", "b64_json"] as const;
type Setting = (typeof settings)[number];

let stack: Stack;
let receiver: Awaited<ReturnType<typeof startWebhookReceiver>>;
const origins: Partial<Record<Setting, string>> = {};
beforeAll(async () => {
  receiver = await startWebhookReceiver();
  stack = await openStack({
    environment: {
      SANDBOX_INSTANT: "true",
      WEBHOOK_SIGNING_SECRET: "a signing secret for tests, long enough",
      WEBHOOK_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_INSECURE: "true",
    },
  });
  // Nothing is set: `both` is the default.
  origins.both = stack.origin;
  for (const setting of ["url", "b64_json"] as const) {
    origins[setting] = (await stack.startApi({ DEFAULT_RESPONSE_FORMAT: setting })).origin;
  }
  return async () => {
    await stack.close();
    await receiver.close();
  };
});

let asked = 0;

/** Sends a request for images, and returns its answer unread. */
async function post(setting: Setting, request: object, headers: Record<string, string> = {}): Promise<Response> {
  const answer = await fetch(`${origins[setting]}/v1/images/generations`, {
    method: "POST",
    headers: { authorization: `Bearer ${stack.apiKey}`, "content-type": "application/json", ...headers },
    body: JSON.stringify({ prompt: `Picture ${++asked}`, ...request }),
  });
  expect(answer.status).toBeLessThan(300);
  return answer;
}

const dataSchema = z.object({ data: z.array(imageSchema) });
const shownSchema = z.object({ id: z.string(), response: dataSchema.nullable() });
const imageOf = async (answer: Response) => dataSchema.parse(await answer.json()).data[0];

/** Draws an image for a caller, and returns the id. */
async function drawn(setting: Setting, asker: Asker): Promise<string> {
  const answer = await post(setting, asker);
  await answer.arrayBuffer();
  return answer.headers.get("x-generation-id") ?? "";
}

async function read(setting: Setting, path: string): Promise<Response> {
  const answer = await fetch(`${origins[setting]}${path}`, { headers: { authorization: `Bearer ${stack.apiKey}` } });
  expect(answer.status).toBe(200);
  return answer;
}

const hasPartials = (model: string) => model.startsWith("gpt-image");

/** The images of a stream's events of one type. */
async function eventImages(setting: Setting, asker: Asker, type: string): Promise<(Image | undefined)[]> {
  const partial_images = hasPartials(asker.model) ? 1 : 0;
  const text = await (await post(setting, { ...asker, stream: true, partial_images })).text();
  const lines = text.split("\n").filter((line) => line.startsWith("data: "));
  const events = lines.map((line) => imageSchema.parse(JSON.parse(line.slice(6))));
  expect(events.at(-1)).toMatchObject({ type: "image_generation.completed" });
  const found = events.filter((event) => event["type"] === `image_generation.${type}`);
  return found.length === 0 ? [undefined] : found;
}

/** The images of each place of the table, by the first cell of its row. */
const places: Record<string, (setting: Setting, asker: Asker) => Promise<(Image | undefined)[]>> = {
  "the answer on the line, also after `Prefer: wait`": async (setting, asker) => [
    await imageOf(await post(setting, asker)),
    await imageOf(await post(setting, asker, { prefer: "respond-async, wait=30" })),
  ],
  "the answer to [the same request again](#the-same-request-twice)": async (setting, asker) => {
    const request = { ...asker, prompt: `Again ${asked}` };
    const headers = { "idempotency-key": `key-${++asked}` };
    await (await post(setting, request, headers)).arrayBuffer();
    const again = await post(setting, request, headers);
    expect(again.headers.get("idempotent-replayed")).toBe("true");
    return [await imageOf(again)];
  },
  "completed events of a stream": (setting, asker) => eventImages(setting, asker, "completed"),
  "partial images of a stream": (setting, asker) => eventImages(setting, asker, "partial_image"),
  "`GET /v1/generations/{id}`, by its own query": async (setting, { response_format, ...asker }) => {
    const query = response_format === undefined ? "" : `?response_format=${response_format}`;
    const shown = shownSchema.parse(
      await (await read(setting, `/v1/generations/${await drawn(setting, asker)}${query}`)).json(),
    );
    return shown.response?.data ?? [];
  },
  "the list of generations, a 202, and `/events`": async (setting, asker) => {
    const request = { ...asker, prompt: `Accepted ${asked}` };
    const headers = { "idempotency-key": `key-${++asked}` };
    const done = await post(setting, request, headers);
    await done.arrayBuffer();
    const id = done.headers.get("x-generation-id") ?? "";
    const accepted = shownSchema.parse(
      await (await post(setting, request, { ...headers, prefer: "respond-async" })).json(),
    );
    const list = z
      .object({ data: z.array(shownSchema) })
      .parse(await (await read(setting, "/v1/generations?limit=5")).json());
    const events = await (await read(setting, `/v1/generations/${id}/events`)).text();
    const told = shownSchema.parse(JSON.parse(/^data: (.*)$/m.exec(events)?.[1] ?? ""));
    return [accepted, list.data.find((each) => each.id === id), told].flatMap((each) => each?.response?.data ?? []);
  },
  webhooks: async (setting, asker) => {
    const request = { ...asker, job: { webhook: receiver.url } };
    const id = (await post(setting, request)).headers.get("x-generation-id");
    const eventOf = () =>
      receiver.received
        .map(({ body }) => generationEventSchema.parse(JSON.parse(body)).data)
        .find((data) => data.id === id);
    await expect.poll(eventOf).toBeDefined();
    return z.array(imageSchema).parse(eventOf()?.response?.data);
  },
  "output lines of a batch": async (_setting, asker) => {
    const client = stack.openai();
    const { id } = await createBatch(client, [{ custom_id: "one", body: asker }]);
    const { output_file_id } = await untilEnded(client, id);
    const [line] = await readLines(client, output_file_id);
    return dataSchema.parse(line?.response?.body).data;
  },
};

test("the table of docs/api.md has the rows and the columns that are looked at here", () => {
  expect(columns).toEqual(Object.keys(askers));
  expect(rows.slice(2).map(([place]) => place)).toEqual(Object.keys(places));
});

test("a link gives the image that stands beside it as base64, and its hash", async () => {
  const image = await imageOf(await post("both", { model: "gpt-image-2", size: "1024x1024" }));
  const answer = await fetch(image?.url ?? "");
  const bytes = Buffer.from(await answer.arrayBuffer());
  expect(bytes.toString("base64")).toBe(image?.b64_json);
  expect(answer.headers.get("repr-digest")).toBe(`sha-256=:${hash("sha256", bytes, "base64")}:`);
});

/** What "both" is where the operator wants something else. A stream has base64 whatever the operator wants. */
function settled(cell: string, setting: Setting, isEvent: boolean): string {
  if (cell !== "both" || setting === "both") return cell;
  return setting === "b64_json" || isEvent ? "base64" : "link";
}

const cells = rows.slice(2).flatMap(([place = "", ...row]) =>
  row.flatMap((cell, column) =>
    settings
      // What is not left to the operator is the same for all of them, and is looked at once.
      .filter((setting) => setting === "both" || cell === "both")
      .map((setting) => ({ place, column: columns[column] ?? "", cell, setting })),
  ),
);

describe.each(cells)("$place, $column, is $cell where the operator wants $setting", (row) => {
  const isEvent = row.place.endsWith("of a stream");
  // A cell that is about every model is about those that have such images.
  const all = askers[row.column] ?? [];
  const some = row.cell === "none" ? all : all.filter(({ model }) => hasPartials(model));
  test.each(row.place.startsWith("partial") ? some : all)("$model", async (asker) => {
    const images = await places[row.place]?.(row.setting, asker);
    const expected = settled(row.cell, row.setting, isEvent);
    expect(new Set(images?.map((image) => cellOf(image, isEvent)))).toEqual(new Set([expected]));
  });
});
