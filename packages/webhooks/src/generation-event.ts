import { type Generation, isEnding, type WebhookEvent } from "@darkroom/contracts";

/** "Less than 20kb" is what the Standard Webhooks specification asks of a payload: many receivers stop reading not far above. */
export const maxEventBytes = 20_000;

/** Enough to recognise a prompt by, and with every character escaped still under a third of the event. */
const shortTextLength = 1000;

type Data = WebhookEvent["data"];

/** What is given up, in this order, until the event fits: first what the receiver sent itself, last what it knows its own job by. */
const cuts: readonly { path: string; cut: (data: Data) => Data }[] = [
  {
    path: "request.prompt",
    cut: (data) => ({ ...data, request: { ...data.request, prompt: short(data.request.prompt) } }),
  },
  // Its metadata stands in `metadata` as well.
  { path: "request.job", cut: (data) => ({ ...data, request: { ...data.request, job: undefined } }) },
  { path: "response.data.revised_prompt", cut: withoutRevisedPrompts },
  {
    path: "error.message",
    cut: (data) => ({ ...data, error: data.error && { ...data.error, message: short(data.error.message) } }),
  },
  { path: "response", cut: (data) => ({ ...data, response: null }) },
  { path: "request", cut: (data) => ({ ...data, request: { prompt: short(data.request.prompt) } }) },
  { path: "metadata", cut: (data) => ({ ...data, metadata: {} }) },
];

/**
 * The event of a generation that has ended, fit to be posted: without image bytes (hand in the generation with its links), and as JSON
 * at most 20,000 bytes. What is too large loses its prompt from the 1,000th character on, then more; `data.truncated` names what was
 * lost, and `GET /v1/generations/{id}` has all of it. Throws where the generation has not ended.
 */
export function generationEvent(generation: Generation): WebhookEvent {
  const { status, completed_at: endedAt } = generation;
  if (!isEnding(status) || endedAt === null) throw new Error(`The generation ${generation.id} has not ended.`);
  const eventOf = (data: Data): WebhookEvent => ({
    type: `generation.${status}`,
    timestamp: new Date(endedAt * 1000).toISOString(),
    data,
  });

  let data: Data = withoutBytes(generation);
  const truncated: string[] = [];
  for (const { path, cut } of cuts) {
    if (byteLength(eventOf(data)) <= maxEventBytes) break;
    const shorter = cut(data);
    if (byteLength(shorter) >= byteLength(data)) continue;
    truncated.push(path);
    data = { ...shorter, truncated };
  }
  return eventOf(data);
}

const byteLength = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

/** By code point, so that no character is cut in half. */
function short(text: string): string {
  const points = Array.from(text);
  return points.length > shortTextLength ? `${points.slice(0, shortTextLength).join("")}…` : text;
}

function withoutBytes(generation: Generation): Generation {
  const { response } = generation;
  if (response === null) return generation;
  const images = response.data.map((image) => Object.assign({}, image, { b64_json: null }));
  return { ...generation, response: { ...response, data: images } };
}

function withoutRevisedPrompts(data: Data): Data {
  if (data.response === null) return data;
  const images = data.response.data.map((image) => Object.assign({}, image, { revised_prompt: undefined }));
  return { ...data, response: { ...data.response, data: images } };
}
