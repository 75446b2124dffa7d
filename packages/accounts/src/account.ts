import type { Budget, Limits } from "@darkroom/contracts";

/** Who is calling, and what they may do. */
export type Account = {
  tenant: string;
  /** Names the key in logs and records; it is no secret. The same before and after a rotation. */
  keyId: string;
  /** What the operator calls the key. */
  name: string;
  /** Ids of the catalogue that it may use; null: all. */
  models: readonly string[] | null;
  limits: Limits;
  budget: Budget;
  /** Whether the answers to its plain calls are kept alive. */
  keepAlive: boolean;
};
