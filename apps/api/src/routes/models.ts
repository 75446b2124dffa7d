import { assertModelAllowed } from "@darkroom/accounts";
import { ApiError, quoteValue } from "@darkroom/contracts";
import type { Catalogue, CatalogueModel } from "@darkroom/models";
import type { FastifyInstance } from "fastify";
import { accountOf } from "../http/authenticate.ts";

export type ModelsDependencies = { catalogue: Catalogue };

/** OpenAI's model object, and what a caller of this service needs besides: limits, prices, the day it is switched off. */
const showModel = (model: CatalogueModel, { defaultModel }: Catalogue) => ({
  id: model.id,
  object: "model" as const,
  created: model.released === undefined ? 0 : Date.parse(model.released) / 1_000,
  owned_by: model.ownedBy ?? model.provider,
  /** OpenAI's name for `sunset`. */
  shutdown_date: model.sunset ?? null,
  description: model.description,
  aliases: model.aliases,
  /** Whether a request without `model` is drawn by it. */
  is_default: model.id === defaultModel.id,
  sunset: model.sunset ?? null,
  limits: {
    /** Unicode code points; null where only the upstream knows. */
    prompt_characters: model.promptLimit ?? null,
    images: model.maxImages,
    sizes: {
      values: model.sizes.values,
      default: model.sizes.default ?? null,
      divisible_by: model.sizes.rule?.divisibleBy ?? null,
      min_side: model.sizes.rule?.minSide ?? null,
      max_long_side: model.sizes.rule?.maxLongSide ?? null,
      max_short_side: model.sizes.rule?.maxShortSide ?? null,
      max_ratio: model.sizes.rule?.maxRatio ?? null,
      min_pixels: model.sizes.rule?.minPixels ?? null,
      max_pixels: model.sizes.rule?.maxPixels ?? null,
    },
    parameters: model.parameters,
    /** The most that one image can count; null where nobody knows. */
    output_tokens_per_image: model.maxOutputTokensPerImage ?? null,
  },
  /** In millionths of a dollar; null where none is known. */
  prices: {
    per_image_micros: model.prices.perImageMicros ?? null,
    per_1k_tokens_micros:
      model.prices.per1kTokensMicros === undefined
        ? null
        : {
            text_input: model.prices.per1kTokensMicros.textInput ?? null,
            image_input: model.prices.per1kTokensMicros.imageInput ?? null,
            text_output: model.prices.per1kTokensMicros.textOutput ?? null,
            image_output: model.prices.per1kTokensMicros.imageOutput ?? null,
          },
  },
});

/** `GET /v1/models`, as many as the key may use, and `GET /v1/models/{id or alias}`. */
export function modelsRoutes(app: FastifyInstance, { catalogue }: ModelsDependencies): void {
  app.get("/v1/models", async (request, reply) => {
    const { models } = accountOf(request);
    const allowed = catalogue.models.filter(({ id }) => models?.includes(id) ?? true);
    return reply.send({ object: "list", data: allowed.map((model) => showModel(model, catalogue)) });
  });

  // A model's name may have slashes in it.
  app.get<{ Params: { "*": string } }>("/v1/models/*", async (request, reply) => {
    const { "*": name } = request.params;
    const model = catalogue.find(name);
    if (model === undefined) {
      throw new ApiError("not_found", `The model ${quoteValue(name)} does not exist.`, { param: "model" });
    }
    assertModelAllowed(accountOf(request), model.id);
    return reply.send(showModel(model, catalogue));
  });
}
