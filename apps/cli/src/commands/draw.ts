import { randomUUID } from "node:crypto";
import { type Generation, generationSchema } from "@darkroom/contracts";
import pRetry from "p-retry";
import { explainDiskError } from "../batch/explain-disk-error.ts";
import { withFarewell } from "../batch/with-farewell.ts";
import { followGeneration, readGeneration } from "../draw/follow-generation.ts";
import { choosePictureTarget, formatOf } from "../draw/picture-target.ts";
import { savePictures } from "../draw/save-pictures.ts";
import { Problem, PassingProblem } from "../problem.ts";
import { type HttpApi, pathOf } from "../service/http-api.ts";
import type { Shell } from "../shell.ts";
import { asJson } from "../text/table.ts";
import { apiCommand } from "./api-command.ts";
import { promptBody, withPromptOptions } from "./prompt-options.ts";
import { formatDollars } from "../text/dollars.ts";
import { formatDuration } from "../text/duration.ts";

/** Tries to submit, half a second and two more apart. The idempotency key keeps the image from being bought twice. */
const patience = { retries: 2, minTimeout: 500, factor: 4 };
/** The user has pressed Ctrl-C and waits for the prompt. */
const cancelTimeoutMs = 5_000;

/** `darkroom draw PROMPT`: the path of each image alone on stdout. */
export function drawCommand(shell: Shell) {
  return withPromptOptions(
    apiCommand("draw")
      .description("draw an image from a prompt, and save it")
      .argument("[prompt]", "what to draw")
      .option("--out <path>", "the file or folder to write to; by default a name made from the prompt")
      .option("--overwrite", "replace existing files")
      .option("--resume <id>", "wait for an earlier generation instead of drawing a prompt"),
  ).action(async (prompt, given, command) => {
    const { out, overwrite = false, resume, json, url, ...options } = given;
    if ((prompt === undefined) === (resume === undefined)) command.error("error: a prompt or --resume is required");
    const body = { ...promptBody(options), prompt };
    if (resume !== undefined && Object.values(body).some((value) => value !== undefined))
      command.error("error: a generation that was begun says itself how it is drawn");

    try {
      const api = shell.connect({ url });
      const begun = resume === undefined ? undefined : (await readGeneration(api, resume)).value;
      const asked = begun?.request ?? { prompt: prompt ?? "", n: options.n };
      const target = await choosePictureTarget({ prompt: asked.prompt, images: asked.n ?? 1, out, overwrite });
      const generation = begun ?? (await submit(api, withFormatOf(target.extension, body)));
      const ended = await follow(shell, api, generation);
      assertSucceeded(ended.value);
      const paths = await savePictures(ended.value, target, { api, fetch });
      shell.print(json ? asJson(ended.json) : paths.join("\n"));
      shell.say(drawnWords(ended.value));
      assertComplete(ended.value);
    } catch (error) {
      throw explainDiskError(error);
    }
  });
}

/** `--out x.webp` asks for WebP. PNG is what models draw when nothing is asked, and some take no other word. */
function withFormatOf(extension: string, body: Record<string, unknown>): Record<string, unknown> {
  const format = formatOf(extension);
  if (format === undefined || format === "png" || body["output_format"] !== undefined) return body;
  return { ...body, output_format: format };
}

async function submit(api: HttpApi, body: Record<string, unknown>): Promise<Generation> {
  const idempotencyKey = `darkroom-draw-${randomUUID()}`;
  const request = { method: "POST", path: "/v1/images/generations", as: "tenant", answer: generationSchema } as const;
  const { value } = await pRetry(() => api.send({ ...request, body, idempotencyKey, prefer: "respond-async" }), {
    ...patience,
    shouldRetry: ({ error }) => error instanceof PassingProblem,
  });
  return value;
}

/** Waits for its ending. Ctrl-C takes it out of the line, where nothing was bought yet; what is drawn already goes on. */
async function follow(shell: Shell, api: HttpApi, { id, ...begun }: Generation) {
  const progress = shell.startProgress();
  let { status } = begun;
  const farewell = async () => {
    const canceled = status === "queued" ? await cancel(api, id) : undefined;
    if (canceled === undefined) progress.note(`${id} goes on. Download its image with: ./darkroom draw --resume ${id}`);
    else if (canceled.started_at === null) progress.note(`${id} was canceled before it was begun. Nothing was bought.`);
    else progress.note(`${id} was canceled just after it was begun. It may have been paid for.`);
  };
  try {
    const onLook = (generation: Generation) => ({ status } = generation);
    return await withFarewell(farewell, () => followGeneration(api, id, { progress, onLook }));
  } finally {
    progress.stop();
  }
}

/** Undefined where it cannot be canceled, or is not known to be. */
async function cancel(api: HttpApi, id: string): Promise<Generation | undefined> {
  const path = pathOf`/v1/generations/${id}/cancel`;
  try {
    const request = {
      method: "POST",
      path,
      as: "tenant",
      answer: generationSchema,
      timeoutMs: cancelTimeoutMs,
    } as const;
    return (await api.send(request)).value;
  } catch (error) {
    if (error instanceof Problem) return undefined;
    throw error;
  }
}

function assertSucceeded({ id, status, error }: Generation): void {
  if (status === "succeeded") return;
  const reason = error?.message ?? `${id} is ${status}.`;
  throw new Problem(`Nothing was drawn (${id}, ${error?.code ?? status}): ${reason}`);
}

function assertComplete({ request, missing = [] }: Generation): void {
  const [first] = missing;
  if (first === undefined) return;
  throw new Problem(`${missing.length} of ${request.n ?? missing.length} images are missing: ${first.message}`);
}

/** By what an image was drawn, in what time and for how much, in two sentences. */
function drawnWords({ model, provider, cost, timings_ms: { total } }: Generation): string {
  const time = total === undefined ? "" : ` in ${formatDuration(total)}`;
  const who = provider === "sandbox" ? `the sandbox${time}, in place of ${model}` : `${model}${time}`;
  return `Drawn by ${who}. Cost: ${cost === null ? "unknown" : formatDollars(cost)}.`;
}
