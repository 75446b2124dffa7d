import { setTimeout as sleep } from "node:timers/promises";
import { drawPicture, type PictureFormat, plainPicture, unfinishedPicture } from "../drawing/draw-picture.ts";
import type { ProviderCall, ProviderImage, ProviderReply } from "../image-provider.ts";
import type { ProviderDefinition } from "../provider-definition.ts";
import { countedTurns, type Directives, parseDirectives } from "../script/directives.ts";
import { partialsWanted, showPartials } from "../show-partials.ts";
import { passingError, scriptedError } from "./errors.ts";
import { type SandboxSettings, settingsSchema } from "./options.ts";
import { revisedPromptOf, svgUsageOf, usageOf } from "./reply.ts";
import { isGptImage, resolveDrawing } from "./request.ts";

/**
 * Draws a real picture from prompt and seed, on any machine, for nothing: the exact size, format, compression, background and frames
 * asked for, the prompt written on it. The same request is the same bytes. Prompts can script delay and failure where that is allowed.
 */
export const sandbox: ProviderDefinition<typeof settingsSchema> = {
  name: "sandbox",
  settingsSchema,
  isConfigured: () => true,
  create(settings, { onSandboxCall }) {
    const takeTurn = countedTurns();
    let calls = 0;
    return {
      name: "sandbox",
      async generate(call) {
        call.signal.throwIfAborted();
        calls++;
        onSandboxCall?.({ generationId: call.generationId, model: call.model, indexes: call.indexes });
        const failsByCount = settings.SANDBOX_FAIL_EVERY > 0 && calls % settings.SANDBOX_FAIL_EVERY === 0;
        const script = settings.SANDBOX_DIRECTIVES ? parseDirectives(call.parameters.prompt) : undefined;
        const inForce =
          script !== undefined && (script.times === undefined || takeTurn(call.generationId) <= script.times);
        const delayMs = script?.delayMs ?? settings.SANDBOX_DELAY_MS;
        const paint = painter(call, settings);
        await think(call, delayMs, paint);
        if (inForce && script.fail !== undefined) throw scriptedError(script.fail, script.retryAfterMs);
        if (failsByCount) throw passingError();
        return draw(call, paint, inForce ? script : undefined);
      },
    };
  },
};

type Paint = (index: number) => Promise<Buffer>;

/** Paints each image once, when it is first asked for. */
function painter(call: ProviderCall, settings: SandboxSettings): Paint {
  const painted = new Map<number, Buffer>();
  return async (index) => {
    const drawing = resolveDrawing(call);
    const picture =
      painted.get(index) ??
      (await (settings.SANDBOX_INSTANT
        ? plainPicture(drawing)
        : drawPicture({ ...drawing, prompt: call.parameters.prompt, seed: drawing.seed + index })));
    painted.set(index, picture);
    return picture;
  };
}

/** Detail of the first unfinished version; each later one has four times as much. */
const firstRows = 8;

/** Takes its time, and shows partial images where the request wants them: evenly spread, the last before the end. */
async function think(call: ProviderCall, delayMs: number, paint: Paint): Promise<void> {
  const versions = partialsWanted(call);
  const pauseMs = delayMs / (versions + 1);
  const partials = showPartials(call);
  const { width, height, format } = resolveDrawing(call);
  // As with the models themselves: what is animated, or made of vectors, has no unfinished versions.
  if (format === "gif" || format === "svg") return wait(delayMs, call.signal);
  for (let partialIndex = 0; partialIndex < versions; partialIndex++) {
    await wait(pauseMs, call.signal);
    const rows = firstRows * 4 ** partialIndex;
    for (const index of call.indexes) {
      partials.show(async () => {
        const bytes = await unfinishedPicture(await paint(index), { width, height, format, rows });
        return { index, partialIndex, bytes, mediaType: `image/${format}`, width, height };
      });
    }
  }
  await wait(pauseMs, call.signal);
  await partials.shown();
}

async function draw(call: ProviderCall, paint: Paint, script: Directives | undefined): Promise<ProviderReply> {
  const drawing = resolveDrawing(call);
  const wanted = call.indexes.slice(0, Math.max(0, call.indexes.length - (script?.missing ?? 0)));
  if (wanted.length === 0) throw passingError();
  const images: ProviderImage[] = [];
  // One after the other: sharp works on all cores for one picture, and ten at once would hold ten in memory.
  for (const index of wanted) {
    call.signal.throwIfAborted();
    const bytes = await paint(index);
    const { width, height } = drawing;
    images.push({
      index,
      bytes,
      mediaType: mediaTypeOf(drawing.format),
      width,
      height,
      revisedPrompt: revisedPromptOf(call),
    });
  }
  return {
    images,
    missing: call.indexes.slice(wanted.length).map((index) => ({ index, error: passingError() })),
    background: isGptImage(call.model) ? drawing.background : undefined,
    quality: drawing.quality,
    usage: usageOf({ ...call, indexes: wanted }, drawing, script),
    svgUsage: svgUsageOf(call, images),
  };
}

const mediaTypeOf = (format: PictureFormat) => (format === "svg" ? "image/svg+xml" : (`image/${format}` as const));

/** Waits, and throws the signal's own reason when it aborts, where Node's timer would throw an error of its own around it. */
async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  if (delayMs <= 0) return;
  await sleep(delayMs, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}
