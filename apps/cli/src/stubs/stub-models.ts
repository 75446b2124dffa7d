import type { ServedModel } from "../service/served-model.ts";

const noRule = { divisible_by: null, min_side: null, max_long_side: null, max_short_side: null, max_ratio: null };

function model(
  id: string,
  limits: Pick<ServedModel["limits"], "parameters"> &
    Partial<Pick<ServedModel["limits"], "custom_parameters">> & { sizes: string[] },
  prices: object,
) {
  const [first] = limits.sizes;
  return {
    id,
    aliases: [`${id}-alias`],
    is_default: id === "dall-e-3",
    limits: { ...limits, sizes: { values: limits.sizes, default: first, ...noRule }, output_tokens_per_image: null },
    prices: { per_image_micros: null, per_1k_tokens_micros: null, ...prices },
  };
}

/** The answer of `GET /v1/models`: a model with one price, one with a choice of prices, and one without any. */
export const stubModels = {
  object: "list",
  data: [
    model("dall-e-3", { sizes: ["1024x1024"], parameters: {} }, { per_image_micros: { any: { any: 40_000 } } }),
    model(
      "gpt-image-1",
      { sizes: ["auto", "1024x1024", "1536x1024"], parameters: { quality: { values: ["auto", "low", "high"] } } },
      {
        per_image_micros: {
          low: { "1024x1024": 10_000, "1536x1024": 20_000 },
          high: { "1024x1024": 80_000, "1536x1024": 120_000 },
        },
      },
    ),
    model(
      "flux-dev",
      {
        sizes: ["1024x1024"],
        parameters: {},
        custom_parameters: { num_inference_steps: { type: "integer", min: 1, max: 50 } },
      },
      {},
    ),
    model("gpt-image-2", { sizes: ["auto", "1024x1024"], parameters: {} }, {}),
  ],
};

/** A model that is served and not listed, as with `UNKNOWN_MODELS`. */
export const unlistedModel = model("gpt-image-3", { sizes: ["auto"], parameters: {} }, {});
