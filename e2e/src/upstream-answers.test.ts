import { fakeImage, startFakeOpenAi } from "@darkroom/testing";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { upstreamAnswers } from "../../packages/providers/src/upstream-answers/table.fixture.ts";
import { openStack, type Stack } from "./stack.ts";

const upstream = await startFakeOpenAi();
let stack: Stack;
beforeAll(async () => {
  stack = await openStack({
    environment: {
      OPENAI_API_KEY: "k-upstream",
      OPENAI_BASE_URL: upstream.baseUrl,
      PROVIDER_ALLOW_PRIVATE_IMAGE_URLS: "true",
      PROVIDER_MAX_REPLY_BYTES: "10000000",
    },
  });
  return stack.close;
});
afterEach(() => upstream.reset());
afterAll(() => upstream.close());

/** One row of each kind: the adapters' tests run all of them. What is tried again waits, and is tested with the lanes. */
const rows = [
  ...new Map(
    upstreamAnswers
      .filter(({ only, outcome }) => only === undefined && outcome !== "retried")
      .map((row) => [JSON.stringify([row.outcome, row.bill, row.caller]), row]),
  ).values(),
];

type Row = (typeof rows)[number];

/** Of the api's answer what a row says of it. */
function readAnswer(
  { caller }: Row,
  status: number,
  body: { data?: unknown[]; error?: { message: string; code: string; param: string | null } },
) {
  if ("images" in caller) return { status, images: body.data?.length };
  const { message = "", code, param } = body.error ?? {};
  return { status, code, param, says: message.includes(caller.says ?? "") ? caller.says : message };
}

const wantedOf = ({ bill, caller }: Row) =>
  "images" in caller ? { status: 200, images: bill.images } : { param: null, says: undefined, ...caller };

test.each(rows)("$name", async (row) => {
  const png = (await fakeImage(8, 8, "png")).toString("base64");
  const link = (query?: string) => `${upstream.origin}/files/8x8.png${query ? `?${query}` : ""}`;
  upstream.next(row.answer({ png, link }));
  const request = { model: "gpt-image-2", quality: "low", n: row.n ?? 1, response_format: "url" };
  const response = await stack.generate({ ...request, prompt: `a secret garden at dawn: ${row.name}` });
  expect(readAnswer(row, response.status, JSON.parse(await response.text()))).toEqual(wantedOf(row));
  expect(upstream.requests).toHaveLength(1);
});
