import { readFile } from "node:fs/promises";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { createBatch, lineFile, numberedLines, readLines, untilEnded } from "./batches.ts";
import { openStack, type Stack } from "./stack.ts";

/** The name of a schema in OpenAI's document. */
type SchemaName = (typeof schemaNames)[number];
const schemaNames = [
  "ImagesResponse",
  "ImageGenCompletedEvent",
  "ImageGenPartialImageEvent",
  "Model",
  "ListModelsResponse",
  "Batch",
  "ListBatchesResponse",
  "OpenAIFile",
  "ListFilesResponse",
  "DeleteFileResponse",
  "ErrorResponse",
] as const;

/**
 * Where the document is older than what OpenAI answers, by the types of its SDK (`openai` 7.57 of 2026-11-13), and where it contradicts
 * itself or the reference document. Everything else has to be as the document says.
 */
const amendments: Record<string, Record<string, object>> = {
  ImagesResponse: {
    size: { type: "string", pattern: "^\\d+x\\d+$" },
    quality: { enum: ["low", "medium", "high", "xhigh", "max"] },
    output_format: { enum: ["png", "webp", "jpeg", "gif", "svg"] },
  },
  ImageGenCompletedEvent: eventAmendments(),
  ImageGenPartialImageEvent: eventAmendments(),
  // The example of the commissioned document has it beside a link.
  Image: { b64_json: { type: ["string", "null"] } },
  // Its schemas allow no null; its examples of `POST /batches` and `GET /batches/{id}` have it in all of these.
  Batch: {
    errors: nullable({ type: "object" }),
    ...Object.fromEntries(["output_file_id", "error_file_id"].map((name) => [name, nullable({ type: "string" })])),
    ...Object.fromEntries(
      [
        "in_progress_at",
        "expires_at",
        "finalizing_at",
        "completed_at",
        "failed_at",
        "expired_at",
        "cancelling_at",
        "cancelled_at",
      ].map((name) => [name, nullable({ type: "integer" })]),
    ),
  },
  // Required, and a string: of an empty list the document says nothing.
  ListFilesResponse: emptyListAmendments(),
  ListBatchesResponse: emptyListAmendments(),
};

function eventAmendments(): Record<string, object> {
  return {
    size: { type: "string", pattern: "^\\d+x\\d+$" },
    quality: { enum: ["low", "medium", "high", "xhigh", "max", "auto"] },
  };
}

function emptyListAmendments(): Record<string, object> {
  return { first_id: nullable({ type: "string" }), last_id: nullable({ type: "string" }) };
}

function nullable(schema: object): object {
  return { anyOf: [schema, { type: "null" }] };
}

const documentSchema = z.object({
  components: z.object({
    schemas: z.record(z.string(), z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() })),
  }),
});

/** The document as JSON Schema, amended. Throws for an amendment of what is not there. */
async function readDocument() {
  const text = await readFile(new URL("openai-document/schemas.json", import.meta.url), "utf8");
  const { components } = documentSchema.parse(JSON.parse(text));
  for (const [name, properties] of Object.entries(amendments)) {
    const schema = components.schemas[name];
    for (const [property, amended] of Object.entries(properties)) {
      if (schema?.properties?.[property] === undefined) throw new Error(`The document has no ${name}.${property}`);
      schema.properties[property] = amended;
    }
  }
  return { $id: "openai", components };
}

let stack: Stack;
let validators: Record<SchemaName, ValidateFunction>;
beforeAll(async () => {
  const ajv = new Ajv2020({ strict: false, allErrors: true, formats: { unixtime: true, date: true, uri: true } });
  ajv.addSchema(await readDocument());
  const validatorOf = (name: SchemaName) => {
    const validator = ajv.getSchema(`openai#/components/schemas/${name}`);
    if (validator === undefined) throw new Error(`The document has no ${name}`);
    return [name, validator] as const;
  };
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `fromEntries` forgets the names of its keys
  validators = Object.fromEntries(schemaNames.map(validatorOf)) as Record<SchemaName, ValidateFunction>;
  stack = await openStack({ environment: { SANDBOX_INSTANT: "true" } });
  return stack.close;
});

/** Holds an answer against the document. Returns it, for what else there is to say. */
function expectSchema<T>(name: SchemaName, answer: T): T {
  const validate = validators[name];
  validate(answer);
  const faults = (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  expect({ name, faults }).toEqual({ name, faults: [] });
  return answer;
}

async function call(
  path: string,
  { body, method = body === undefined ? "GET" : "POST", key = stack.apiKey, headers }: Call = {},
) {
  const answer = await fetch(`${stack.origin}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, text: await answer.text() };
}
type Call = { body?: object; method?: string; key?: string; headers?: Record<string, string> };

async function read(path: string, options?: Call): Promise<unknown> {
  return JSON.parse((await call(path, options)).text);
}

/** The data of an event stream, without its comments. */
const eventsIn = (text: string) =>
  text
    .split("\n")
    .filter((line) => line.startsWith("data: "))
    .map((line) => z.looseObject({ type: z.string() }).parse(JSON.parse(line.slice(6))));

const modelsSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      limits: z.object({
        images: z.number(),
        parameters: z.object({ output_format: z.object({ values: z.array(z.string()) }).optional() }),
      }),
    }),
  ),
});

const images = "/v1/images/generations";

test("images: every model, in every format, one and two of them, with and without a stream", async () => {
  const { data: models } = modelsSchema.parse(expectSchema("ListModelsResponse", await read("/v1/models")));
  expect(models.length).toBeGreaterThan(6);
  const requests = models.flatMap(({ id: model, limits }, nth) => {
    // Those that are drawn and not shot frame by frame have rules of their own, and other tests.
    const formats = (limits.parameters.output_format?.values ?? []).filter(
      (format) => !["gif", "svg"].includes(format),
    );
    const combined = [undefined, "url", "b64_json"].flatMap((response_format) =>
      [undefined, ...formats].map((output_format) => ({ response_format, output_format })),
    );
    // Each model in each combination of formats, and by turns with one and two images, with and without a stream: four models have them all.
    return combined.map(({ response_format, output_format }, i) => ({
      model,
      response_format,
      output_format,
      n: Math.min(1 + ((i + nth) % 2), limits.images),
      stream: ((i + nth) >> 1) % 2 === 1,
    }));
  });
  for (const request of requests) {
    const { status, text } = await call(images, { body: { prompt: "a cat", ...request } });
    expect({ request, status }).toEqual({ request, status: 200 });
    const answers: unknown[] = request.stream ? eventsIn(text) : [JSON.parse(text)];
    expect(answers).toHaveLength(request.stream ? request.n : 1);
    for (const answer of answers) {
      // A link where OpenAI has no link is what the caller asked for.
      const asked = request.stream && request.response_format === "url" ? withPicture(answer) : answer;
      expectSchema(request.stream ? "ImageGenCompletedEvent" : "ImagesResponse", asked);
    }
  }
});

/** The event as it would be with its picture in it. */
function withPicture(event: unknown): object {
  const { url, ...rest } = z.looseObject({ url: z.string(), b64_json: z.undefined().optional() }).parse(event);
  return { ...rest, b64_json: url };
}

test("images: partial images, and what is told by other routes and ways to wait", async () => {
  const request = { model: "gpt-image-2", prompt: "a cat", user: "u-1" };
  const events = eventsIn((await call(images, { body: { ...request, stream: true, partial_images: 2 } })).text);
  expect(events.map(({ type }) => type.split(".")[1])).toEqual(["partial_image", "partial_image", "completed"]);
  for (const event of events.slice(0, 2)) expectSchema("ImageGenPartialImageEvent", event);
  expectSchema("ImageGenCompletedEvent", events[2]);

  expectSchema("ImagesResponse", await read(images, { body: request, headers: { prefer: "respond-async, wait=30" } }));
  const generations = z.object({ data: z.array(z.object({ id: z.string(), response: z.unknown() })) });
  const { data } = generations.parse(await read("/v1/generations?limit=5"));
  expect(data.length).toBeGreaterThan(1);
  for (const { id, response } of data) {
    expectSchema("ImagesResponse", response);
    const shown = z.object({ response: z.unknown() });
    expectSchema("ImagesResponse", shown.parse(await read(`/v1/generations/${id}?response_format=b64_json`)).response);
  }
});

test("models", async () => {
  const { data } = modelsSchema.parse(await read("/v1/models"));
  for (const { id } of data) expect(expectSchema("Model", await read(`/v1/models/${id}`))).toMatchObject({ id });
});

test("files, and lists of them", async () => {
  const client = stack.openai();
  const file = await client.files.create({
    purpose: "batch",
    file: new File([lineFile(numberedLines(1))], "lines.jsonl"),
  });
  expectSchema("OpenAIFile", file);
  expectSchema("OpenAIFile", await read(`/v1/files/${file.id}`));
  for (const query of ["", "?purpose=batch", "?purpose=vision"]) {
    expectSchema("ListFilesResponse", await read(`/v1/files${query}`));
  }
  const deleted = expectSchema("DeleteFileResponse", await read(`/v1/files/${file.id}`, { method: "DELETE" }));
  expect(deleted).toMatchObject({ id: file.id });
});

describe("batches", () => {
  test("none, one in every state, and the lines that came of one", async () => {
    expectSchema("ListBatchesResponse", await read("/v1/batches"));
    const client = stack.openai();
    const line = { model: "gpt-image-2", size: "1024x1024", safety_identifier: "s-1" };
    const lines = [
      { custom_id: "link", body: line },
      { custom_id: "base64", body: { ...line, response_format: "b64_json" } },
      { custom_id: "refused", body: { ...line, prompt: "[sandbox:fail=content_policy_violation] no" } },
    ];
    const made = expectSchema("Batch", await createBatch(client, lines));
    const ended = await untilEnded(client, made.id);
    const shown = z
      .object({ status: z.literal("completed"), usage: z.looseObject({}) })
      .parse(expectSchema("Batch", await read(`/v1/batches/${made.id}`)));
    expect(shown.usage).toMatchObject({
      input_tokens_details: { cached_tokens: 0 },
      output_tokens_details: { reasoning_tokens: 0 },
    });
    const [output, errors] = await Promise.all([
      readLines(client, ended.output_file_id),
      readLines(client, ended.error_file_id),
    ]);
    expect([output.length, errors.length]).toEqual([2, 1]);
    for (const { response } of output) expectSchema("ImagesResponse", response?.body);
    expectSchema("ErrorResponse", errors[0]?.response?.body);

    // One without tokens, one that cannot be run, one that is called off.
    const plain = await createBatch(client, numberedLines(1));
    const faulty = await createBatch(client, "not json");
    for (const { id } of [plain, faulty]) {
      await untilEnded(client, id);
      const batch = z.looseObject({ id: z.string() }).parse(expectSchema("Batch", await read(`/v1/batches/${id}`)));
      expect(batch).not.toHaveProperty("usage");
    }
    const body = { prompt: "[sandbox:delay=500] a cat" };
    const slow = numberedLines(50).map(({ custom_id }) => ({ custom_id, body }));
    const { id } = await createBatch(client, slow);
    expectSchema("Batch", await read(`/v1/batches/${id}/cancel`, { body: {} }));
    await untilEnded(client, id);
    expectSchema("ListBatchesResponse", await read("/v1/batches"));
  });
});

test("errors", async () => {
  const refused: [number, string, Call?][] = [
    [400, images, { body: {} }],
    [400, images, { body: { prompt: "[sandbox:fail=moderation_blocked] no", model: "dall-e-2" } }],
    [401, "/v1/models", { key: "sk-nobody" }],
    [404, "/v1/generations/gen_none"],
    [404, "/v1/nothing"],
    [405, images, { method: "PUT", body: {} }],
    [502, images, { body: { prompt: "[sandbox:fail=upstream_error] no", model: "dall-e-2" } }],
  ];
  for (const [status, path, options] of refused) {
    const answer = await call(path, options);
    expect([path, answer.status]).toEqual([path, status]);
    expectSchema("ErrorResponse", JSON.parse(answer.text));
  }
});
