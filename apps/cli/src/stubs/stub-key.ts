import { type ApiKey, noBudget, noLimits } from "@darkroom/contracts";

/** A key as `/admin/keys` shows it, with limits and budgets of none. */
export function stubKey(over: Partial<ApiKey> = {}): ApiKey {
  return {
    id: "key_1",
    object: "api_key",
    tenant: "acme",
    name: "website",
    prefix: "dk_abcdef",
    status: "active",
    models: null,
    limits: noLimits,
    budget: noBudget,
    keep_alive: false,
    created_at: Date.UTC(2026, 10, 22, 9, 30) / 1000,
    expires_at: null,
    previous_key_expires_at: null,
    ...over,
  };
}
