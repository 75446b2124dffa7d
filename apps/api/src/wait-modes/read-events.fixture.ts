import { errorBodySchema, imageStreamEventSchema } from "@darkroom/contracts";

/** A message of an event stream: a comment, or an event that has been held against our own schema of it. */
export type Message = { comment: string } | { event: string; data: Record<string, unknown> };

/** The messages of an answer, as they come. Breaking out of the loop hangs up. */
export async function* readMessages(answer: Response): AsyncGenerator<Message> {
  let text = "";
  for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) yield parseMessage(block);
  }
  if (text !== "") throw new Error(`The stream ended in the middle of a message: ${text.slice(0, 100)}`);
}

/** The events of an answer, without its comments, when it is complete. */
export async function readEvents(answer: Response): Promise<{ event: string; data: Record<string, unknown> }[]> {
  const events = [];
  for await (const message of readMessages(answer)) if ("event" in message) events.push(message);
  return events;
}

function parseMessage(block: string): Message {
  if (block.startsWith(":")) return { comment: block.slice(1) };
  const [, event = "", json = ""] = /^event: (\S+)\ndata: (.*)$/.exec(block) ?? [];
  const data = JSON.parse(json);
  if (event === "error") return { event, data: errorBodySchema.parse(data) };
  if (imageStreamEventSchema.parse(data).type !== event) throw new Error(`The event ${event} is a ${data.type}`);
  return { event, data };
}
