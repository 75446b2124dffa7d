import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { createdApiKeySchema } from "@darkroom/contracts";
import { generateImage } from "ai";
import OpenAI7 from "openai";
import OpenAI4 from "openai-4";
import OpenAI5 from "openai-5";
import OpenAI6 from "openai-6";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { measureImage, measureLink } from "./measure-image.ts";
import { pythonWithOpenai } from "./python-with-openai.ts";
import { runProgram } from "./run-program.ts";
import { openStack, type Stack } from "./stack.ts";

/*
 * What real clients make of a plain call that is kept alive: of its images, and of an error in the body of a 200. The table in
 * docs/api.md says so.
 */

const adminKey = newApiKey();
let stack: Stack;
/** A key whose calls are kept alive, for clients that send no headers of their caller's. */
let patientKey: string;
beforeAll(async () => {
  stack = await openStack({ environment: { SANDBOX_INSTANT: "true", ADMIN_KEY_SHA256: hashApiKey(adminKey) } });
  const made = await fetch(`${stack.origin}/admin/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    body: JSON.stringify({ tenant: "acme", name: "patient", keep_alive: true }),
  });
  patientKey = createdApiKeySchema.parse(await made.json()).key;
  return stack.close;
});

const baseUrl = () => `${stack.origin}/v1`;
const settings = () => ({ apiKey: stack.apiKey, baseURL: baseUrl(), maxRetries: 0 });
const headers = { prefer: "keep-alive" };
/** Longer than it takes until the first blank is due. */
const slowly = "[sandbox:delay=3300] A lighthouse at dusk";
const refused = "[sandbox:delay=3300,fail=moderation_blocked] no";
const size = "1024x1024";
const requestOf = (prompt: string) => ({ model: "gpt-image-2", prompt, size }) as const;

/** What a client hands to its caller: the image, as base64 or behind a link, what it threw, or what there is instead. */
type Outcome = { image: string } | { thrown: unknown } | { instead: unknown };

type Answer = { data?: { b64_json?: string | null }[] };
async function drawWith(answering: PromiseLike<Answer>): Promise<Outcome> {
  const answer = await answering;
  const image = answer.data?.[0]?.b64_json;
  return typeof image === "string" ? { image } : { instead: answer.data };
}

const python = await pythonWithOpenai();
const program = `
import json, sys
from openai import OpenAI

client = OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], max_retries=0)
images = client.images.generate(extra_headers={"prefer": "keep-alive"}, **json.load(sys.stdin))
print(json.dumps(images.data and images.data[0].b64_json))
`;

const clients: Record<string, (prompt: string) => Promise<Outcome>> = {
  curl: async (prompt) => {
    const args = ["-s", "-H", `authorization: Bearer ${stack.apiKey}`, "-H", "content-type: application/json"];
    const asked = ["-H", "prefer: keep-alive", "-d", JSON.stringify(requestOf(prompt))];
    const printed = await runProgram("curl", [...args, ...asked, `${baseUrl()}/images/generations`]);
    const body = z
      .looseObject({ data: z.array(z.object({ b64_json: z.string() })).optional() })
      .parse(JSON.parse(printed));
    return body.data?.[0] === undefined ? { instead: body } : { image: body.data[0].b64_json };
  },
  "openai 4": (prompt) => drawWith(new OpenAI4(settings()).images.generate(requestOf(prompt), { headers })),
  "openai 5": (prompt) => drawWith(new OpenAI5(settings()).images.generate(requestOf(prompt), { headers })),
  "openai 6": (prompt) => drawWith(new OpenAI6(settings()).images.generate(requestOf(prompt), { headers })),
  "openai 7": (prompt) => drawWith(new OpenAI7(settings()).images.generate(requestOf(prompt), { headers })),
  "AI SDK 7": async (prompt) => {
    const model = createOpenAI(settings()).image("gpt-image-2");
    const { image } = await generateImage({ model, prompt, size, headers });
    return { image: image.base64 };
  },
  "LangChain's DallEAPIWrapper": async (prompt) => {
    const { DallEAPIWrapper } = await import("@langchain/openai");
    const tool = new DallEAPIWrapper({ apiKey: patientKey, baseUrl: baseUrl(), model: "dall-e-3" });
    const answer: unknown = await tool.invoke(prompt);
    return typeof answer === "string" && answer !== "" ? { image: answer } : { instead: answer };
  },
  "openai-python": async (prompt) => {
    const input = JSON.stringify(requestOf(prompt));
    const printed = await runProgram(python ?? "", ["-c", program, baseUrl(), stack.apiKey], { input });
    const image: unknown = JSON.parse(printed);
    return typeof image === "string" ? { image } : { instead: image };
  },
};

const [, table = ""] = /\| client .*?\n\|[ |-]+\n(.*?)\n\n/s.exec(
  readFileSync(new URL("../../docs/api.md", import.meta.url), "utf8"),
) ?? [""];
const rows = table.split("\n").map((line) =>
  line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim()),
);

/** What came, in the words of the table. */
async function told(outcome: Outcome): Promise<string> {
  if ("image" in outcome) {
    const { image } = outcome;
    const measured = await (image.startsWith("http") ? measureLink(image) : measureImage(image));
    return measured.size === size ? "drawn" : `drawn in ${measured.size}`;
  }
  if ("thrown" in outcome) {
    const names = String(outcome.thrown).includes("moderation") ? "names" : "does not name";
    return `an exception that ${names} the reason`;
  }
  const body = z.object({ error: z.object({ code: z.literal("moderation_blocked") }) });
  return body.safeParse(outcome.instead).success ? "the body with `error`" : "no exception, no `data`";
}

test("the table of docs/api.md has every client that is tried here", () => {
  expect(rows.map(([client]) => client)).toEqual(Object.keys(clients));
});

// At once: each of them waits for seconds.
describe.concurrent.each(rows)("%s", (client = "", drawn, failed) => {
  test.skipIf(client === "openai-python" && python === null).each([
    ["images after blanks", slowly, drawn],
    ["an error in a 200", refused, failed],
  ])("%s", async (_what, prompt, expected) => {
    const outcome = await clients[client]?.(prompt).catch((thrown: unknown) => ({ thrown }));
    expect(await told(outcome ?? { instead: "no client" })).toBe(expected);
  });
});
