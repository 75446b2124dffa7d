import { noBudget, noLimits } from "@darkroom/contracts";
import type { Account } from "../account.ts";
import type { KeyStore } from "./key-store.ts";

export type FoundAccount = Pick<Account, "models" | "limits" | "budget">;

/**
 * Returns the function that looks up what a key may do, for processes that do not authenticate. It answers null for a key that is disabled,
 * expired or deleted. A key that Redis has never known is one of `API_KEYS`, and may do everything. `now` is the time of Redis.
 */
export const createFindAccount =
  (keys: Pick<KeyStore, "read" | "nameOf">, now: () => Promise<number>) =>
  async (keyId: string): Promise<FoundAccount | null> => {
    const record = await keys.read(keyId);
    if (record !== null) {
      const isOver = record.expiresAtMs !== null && (await now()) >= record.expiresAtMs;
      return record.status === "active" && !isOver ? record : null;
    }
    const wasDeleted = (await keys.nameOf(keyId)) !== null;
    return wasDeleted ? null : { models: null, limits: noLimits, budget: noBudget };
  };
