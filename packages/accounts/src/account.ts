import { type Budget, type Limits, ApiError, quoteValue } from "@darkroom/contracts";

/** The caller of a request, and what it may do. */
export type Account = {
  tenant: string;
  /** Names the key in logs and records. It is not secret, and a rotation does not change it. */
  keyId: string;
  /** What the operator calls the key. */
  name: string;
  /** Ids of the models that it may use; null: all. */
  models: readonly string[] | null;
  limits: Limits;
  budget: Budget;
  /** Whether the answers to its plain calls are kept alive. */
  keepAlive: boolean;
};

/** Throws `ApiError` `model_not_allowed` where the key may not use the model of this catalogue id. */
export function assertModelAllowed({ models }: { models: readonly string[] | null }, modelId: string): void {
  if (models === null || models.includes(modelId)) return;
  const allowed = models.map(quoteValue).join(", ");
  throw new ApiError("model_not_allowed", `This key may not use ${quoteValue(modelId)}. It may use: ${allowed}.`, {
    param: "model",
  });
}
