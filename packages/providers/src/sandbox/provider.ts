import { setTimeout as sleep } from "node:timers/promises";
import { drawPicture, plainPicture } from "../drawing/draw-picture.ts";
import type { ProviderCall, ProviderImage, ProviderReply } from "../image-provider.ts";
import type { ProviderDefinition } from "../provider-definition.ts";
import { countedTurns } from "../script/counted-turns.ts";
import { parseDirectives } from "../script/directives.ts";
import { passingError, scriptedError } from "./errors.ts";
import { type SandboxSettings, settingsSchema } from "./options.ts";
import { revisedPromptOf, usageOf } from "./reply.ts";
import { isGptImage, resolveDrawing } from "./request.ts";

/**
 * Draws a real picture from prompt and seed, on any machine, for nothing: the exact size, format, compression and background asked
 * for, the prompt written on it. The same request is the same bytes. Prompts can script delay and failure where that is allowed.
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
        if (delayMs > 0) await wait(delayMs, call.signal);
        if (inForce && script.fail !== undefined) throw scriptedError(script.fail, script.retryAfterMs);
        if (failsByCount) throw passingError();
        return draw(call, settings, inForce ? script.missing : 0);
      },
    };
  },
};

async function draw(call: ProviderCall, settings: SandboxSettings, missing: number): Promise<ProviderReply> {
  const drawing = resolveDrawing(call);
  const wanted = call.indexes.slice(0, Math.max(0, call.indexes.length - missing));
  if (wanted.length === 0) throw passingError();
  const images: ProviderImage[] = [];
  // One after the other: sharp works on all cores for one picture, and ten at once would hold ten in memory.
  for (const index of wanted) {
    call.signal.throwIfAborted();
    const bytes = settings.SANDBOX_INSTANT
      ? await plainPicture(drawing)
      : await drawPicture({ ...drawing, prompt: call.parameters.prompt, seed: drawing.seed + index });
    const { width, height } = drawing;
    images.push({
      index,
      bytes,
      mediaType: `image/${drawing.format}`,
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
    usage: usageOf({ ...call, indexes: wanted }, drawing),
  };
}

/** Waits, and throws the signal's own reason when it aborts, where Node's timer would throw an error of its own around it. */
async function wait(delayMs: number, signal: AbortSignal): Promise<void> {
  await sleep(delayMs, undefined, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
}
