export type { Account } from "./account.ts";
export { type AccountUsage, readAccountUsage } from "./account-usage.ts";
export { type AccountScripts, accountScripts } from "./account-scripts.ts";
export {
  type Admission,
  admissionArgument,
  type MinuteUse,
  readMinuteUse,
  readRefusal,
  type Refusal,
  type ScriptNumbers,
  unlimited,
} from "./admission.ts";
export { assertModelAllowed } from "./assert-model-allowed.ts";
export { billArgument, nothingCharged, nothingDelivered } from "./bill.ts";
export { hashApiKey, newApiKey } from "./api-key.ts";
export { type KeySource, parseKeyList, type StoredKey } from "./key-list.ts";
export { KeyListError } from "./key-list-error.ts";
export { budgetLeft } from "./budget-left.ts";
export { createFindAccount } from "./keys/find-account.ts";
export type { KeyChanges, KeyRecord } from "./keys/key-record.ts";
export { createKeyring, type Keyring } from "./keys/keyring.ts";
export { createKeyStore, type KeyStore } from "./keys/key-store.ts";
export { webhookSecretVersions } from "./keys/webhook-secret-versions.ts";
export { createLedger, type Ledger } from "./ledger/create-ledger.ts";
export { LedgerError } from "./ledger/ledger-error.ts";
export { maxUsageDays, usageDimensions, type UsageQuery } from "./ledger/read-usage.ts";
export { addDays, daysFrom } from "./ledger/usage-days.ts";
export { totalUsage } from "./ledger/usage-sums.ts";
export { createMinuteUseReader, type MinuteUseReader } from "./minute-use-reader.ts";
export { refusalError } from "./refusal-error.ts";
export { type KeyListSettings, loadKeys } from "./load-keys.ts";
export { createRedisKeys, type RedisKeys } from "./redis-keys.ts";
export { unpricedError } from "./unpriced-error.ts";
