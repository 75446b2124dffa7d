import type { Tracer } from "@darkroom/tracing";
import type { ImageProvider, ProviderCall, ProviderReply } from "../image-provider.ts";
import { ProviderError } from "../provider-error.ts";

export type TraceProviderOptions = {
  tracer: Tracer;
  /** Whether spans have the prompt. */
  capturesPrompts: boolean;
  /** The name of the deployment that it calls, where it has one. */
  deployment?: string | undefined;
};

/**
 * The same provider with a span for each call, by the semantic conventions for generative AI: `generate_content` is the operation that they name
 * for a model that answers with other things than text. Its parts are the HTTP exchanges, the downloads and the checks of images.
 */
export function traceProvider(
  provider: ImageProvider,
  { tracer, capturesPrompts, deployment }: TraceProviderOptions,
): ImageProvider {
  if (!tracer.isOn) return provider;
  return {
    ...provider,
    generate: (call) => {
      const attributes = {
        ...requestAttributes(provider.name, call),
        "darkroom.deployment": deployment,
        ...(capturesPrompts && promptAttribute(call)),
      };
      const name = `generate_content ${call.model}`;
      return tracer.within({ name, kind: "client", attributes }, async (span) => {
        try {
          const reply = await provider.generate(call);
          span.set(replyAttributes(reply));
          const [first] = reply.missing;
          if (reply.images.length === 0 && first !== undefined) span.fail(first.error.facts.code);
          return reply;
        } catch (error) {
          if (error instanceof ProviderError) {
            span.set(errorAttributes(error));
            span.fail(error.facts.code);
          }
          throw error;
        }
      });
    },
  };
}

const requestAttributes = (provider: string, { generationId, model, parameters, indexes }: ProviderCall) => ({
  "gen_ai.operation.name": "generate_content",
  "gen_ai.provider.name": provider,
  "gen_ai.request.model": model,
  "gen_ai.output.type": "image",
  "gen_ai.request.choice.count": indexes.length === 1 ? undefined : indexes.length,
  "gen_ai.request.seed": parameters.seed ?? undefined,
  "darkroom.generation.id": generationId,
});

const promptAttribute = ({ parameters }: ProviderCall) => ({
  "gen_ai.input.messages": JSON.stringify([{ role: "user", parts: [{ type: "text", content: parameters.prompt }] }]),
});

const replyAttributes = ({ images, missing, usage }: ProviderReply) => ({
  "gen_ai.usage.input_tokens": usage?.input_tokens,
  "gen_ai.usage.output_tokens": usage?.output_tokens,
  "darkroom.images.delivered": images.length,
  "darkroom.images.missing": missing.length,
});

const errorAttributes = ({ facts }: ProviderError) => ({
  "http.response.status_code": facts.upstreamStatus,
  "darkroom.error.retryable": facts.retryable,
  "darkroom.error.may_have_charged": facts.mayHaveCharged,
});
