import { ApiError, quoteValue } from "@darkroom/contracts";

/** Throws `ApiError` `model_not_allowed` where the key may not use the model of this catalogue id. */
export function assertModelAllowed({ models }: { models: readonly string[] | null }, modelId: string): void {
  if (models === null || models.includes(modelId)) return;
  const allowed = models.map(quoteValue).join(", ");
  throw new ApiError("model_not_allowed", `This key may not use ${quoteValue(modelId)}. It may use: ${allowed}.`, {
    param: "model",
  });
}
