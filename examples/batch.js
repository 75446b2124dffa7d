// Draws several prompts in one batch with OpenAI's SDK and prints a link to each image.
import { setTimeout } from "node:timers/promises";
import OpenAI, { toFile } from "openai";

const { BASE_URL = "http://127.0.0.1:4000/v1", API_KEY } = process.env;
const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY });

const prompts = ["A lighthouse", "A harbor at night", "A fishing boat"];
const lines = prompts.map((prompt, index) => ({
  custom_id: `prompt-${index}`,
  method: "POST",
  url: "/v1/images/generations",
  body: { model: "gpt-image-2", prompt, size: "1024x1024", response_format: "url" },
}));
const input = lines.map((line) => JSON.stringify(line)).join("\n");
const file = await client.files.create({ file: await toFile(Buffer.from(input), "prompts.jsonl"), purpose: "batch" });

let batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: "/v1/images/generations",
  completion_window: "24h",
});
while (["validating", "in_progress", "finalizing"].includes(batch.status)) {
  await setTimeout(1_000);
  batch = await client.batches.retrieve(batch.id);
}
if (batch.status !== "completed") throw new Error(`The batch is ${batch.status}: ${JSON.stringify(batch.errors)}`);

if (batch.output_file_id) {
  const output = await (await client.files.content(batch.output_file_id)).text();
  for (const line of output.trimEnd().split("\n")) {
    const { custom_id: id, response } = JSON.parse(line);
    console.log(id, response.body.data[0].url);
  }
}
// A line that failed does not fail the batch. It stands in the error file.
if (batch.error_file_id) console.error(await (await client.files.content(batch.error_file_id)).text());
