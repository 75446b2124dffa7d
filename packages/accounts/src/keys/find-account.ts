import { noBudget, noLimits } from "@darkroom/contracts";
import type { Account } from "../account.ts";
import type { KeyStore } from "./key-store.ts";

export type FoundAccount = Pick<Account, "models" | "limits" | "budget">;

/**
 * Returns the function that looks up what a key may do, for processes that authenticate nobody. Null for a key that is disabled,
 * expired or deleted. One that Redis has never known is of `API_KEYS`, and may do everything.
 */
export const createFindAccount =
  (keys: Pick<KeyStore, "read" | "nameOf">, now: () => number) =>
  async (keyId: string): Promise<FoundAccount | null> => {
    const record = await keys.read(keyId);
    if (record !== null) {
      const inForce = record.status === "active" && now() < (record.expiresAtMs ?? Infinity);
      return inForce ? record : null;
    }
    const wasDeleted = (await keys.nameOf(keyId)) !== null;
    return wasDeleted ? null : { models: null, limits: noLimits, budget: noBudget };
  };
