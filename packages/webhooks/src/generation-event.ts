import { type Generation, type GenerationEvent, imageRequestSchema, isEnding } from "@darkroom/contracts";
import { type Cut, cutToSize, shortText } from "./cut-to-size.ts";

type Data = GenerationEvent["data"];

/**
 * What an event gives up, in this order, until it fits: first what the receiver sent itself, last what it knows its own job by.
 * Custom parameters may be long texts and lists, so each of them is a cut of its own, the longest first.
 */
const cutsOf = ({ request }: { request: Record<string, unknown> }): Cut<Data>[] => [
  {
    path: "request.prompt",
    cut: (data) => ({ ...data, request: { ...data.request, prompt: shortText(data.request.prompt) } }),
  },
  ...Object.keys(request)
    .filter((name) => !Object.hasOwn(imageRequestSchema.shape, name))
    .toSorted((a, b) => lengthOf(request[b]) - lengthOf(request[a]))
    .map((name): Cut<Data> => ({
      path: `request.${name}`,
      cut: (data) => ({ ...data, request: { ...data.request, [name]: undefined } }),
    })),
  // Its metadata stands in `metadata` as well.
  { path: "request.job", cut: (data) => ({ ...data, request: { ...data.request, job: undefined } }) },
  { path: "response.data.revised_prompt", cut: withoutRevisedPrompts },
  {
    path: "error.message",
    cut: (data) => ({ ...data, error: data.error && { ...data.error, message: shortText(data.error.message) } }),
  },
  { path: "response", cut: (data) => ({ ...data, response: null }) },
  { path: "request", cut: (data) => ({ ...data, request: { prompt: shortText(data.request.prompt) } }) },
  { path: "metadata", cut: (data) => ({ ...data, metadata: {} }) },
];

const lengthOf = (value: unknown) => JSON.stringify(value)?.length ?? 0;

/**
 * The event of a generation that has ended, fit to be posted: without image bytes (hand in the generation with its links), and as JSON
 * at most 20,000 bytes. What is too large loses its prompt from the 1,000th character on, then custom parameters, then more; `data.truncated` names what was
 * lost, and `GET /v1/generations/{id}` has all of it. Throws where the generation has not ended.
 */
export function generationEvent(generation: Generation): GenerationEvent {
  const { status, completed_at: endedAt } = generation;
  if (!isEnding(status) || endedAt === null) throw new Error(`The generation ${generation.id} has not ended.`);
  const eventOf = (data: Data): GenerationEvent => ({
    type: `generation.${status}`,
    timestamp: new Date(endedAt * 1000).toISOString(),
    data,
  });
  return eventOf(cutToSize<Data>(withoutBytes(generation), cutsOf(generation), eventOf));
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
