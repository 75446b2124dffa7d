// Draws an image with OpenAI's SDK and saves it as lighthouse.png.
import { writeFile } from "node:fs/promises";
import OpenAI from "openai";

const { BASE_URL = "http://127.0.0.1:4000/v1", API_KEY } = process.env;
const client = new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY });

const { data } = await client.images.generate({
  model: "gpt-image-2",
  prompt: "A lighthouse at dusk",
  size: "1024x1024",
  response_format: "b64_json",
});
await writeFile("lighthouse.png", data[0].b64_json, "base64");
console.log("Saved lighthouse.png");
