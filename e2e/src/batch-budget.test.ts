import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { createdApiKeySchema } from "@darkroom/contracts";
import OpenAI from "openai";
import { beforeAll, expect, test } from "vitest";
import { createBatch, numberedLines, untilEnded } from "./batches.ts";
import { openStack, type Stack } from "./stack.ts";

const adminKey = newApiKey();
const budgetMicros = 1_000_000;

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ environment: { ADMIN_KEY_SHA256: hashApiKey(adminKey) } });
  return stack.close;
});

/** A client whose key may spend so much in all. */
async function clientWithBudget(totalMicros: number): Promise<OpenAI> {
  const answer = await fetch(`${stack.origin}/admin/keys`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    body: JSON.stringify({ tenant: "acme", name: "batches", budget: { total: totalMicros } }),
  });
  const { key } = createdApiKeySchema.parse(await answer.json());
  return new OpenAI({ baseURL: `${stack.origin}/v1`, apiKey: key });
}

/** Five lines with long prompts: by its worst case each byte is a token, and the sandbox counts a token for four bytes. */
const fiveLines = (prefix: string) =>
  numberedLines(5, prefix).map(({ custom_id }) => ({
    custom_id,
    body: {
      model: "gpt-image-2",
      quality: "low",
      size: "1024x1024",
      prompt: `[sandbox:delay=300] ${custom_id} ${"lighthouse ".repeat(2_700)}`,
    },
  }));

test("two batches that fit a budget one after another are drawn whole, though they come together", async () => {
  const client = await clientWithBudget(budgetMicros);
  const made = await Promise.all(["a", "b"].map((prefix) => createBatch(client, fiveLines(prefix))));
  const batches = await Promise.all(made.map(({ id }) => untilEnded(client, id)));
  for (const batch of batches) {
    expect(batch).toMatchObject({ status: "completed", request_counts: { total: 5, completed: 5, failed: 0 } });
  }
  const spent = batches.reduce((sum, { cost }) => sum + (cost ?? 0), 0);
  expect(spent).toBeLessThan(budgetMicros / 2);
});
