export { type Account, assertModelAllowed } from "./account.ts";
export { type AccountUsage, unspentOf } from "./account-usage.ts";
export { type Admission, admissionArgument, unlimited } from "./admission.ts";
export {
  billArgument,
  nothingCharged,
  nothingDelivered,
  billUndelivered,
  type BillUndelivered,
  readBillUndelivered,
} from "./bill.ts";
export { hashApiKey, newApiKey } from "./api-key.ts";
export { type KeySource, parseKeyList, type StoredKey, KeyListError } from "./key-list.ts";
export { type Accounts, createAccounts } from "./create-accounts.ts";
export type { FoundAccount } from "./keys/find-account.ts";
export type { KeyChanges, KeyRecord } from "./keys/key-record.ts";
export type { Keyring } from "./keys/keyring.ts";
export type { KeyStore } from "./keys/key-store.ts";
export { createLedger, type Ledger } from "./ledger/create-ledger.ts";
export { LedgerError } from "./ledger/ledger-error.ts";
export { maxUsageDays, usageDimensions, type UsageQuery } from "./ledger/read-usage.ts";
export { addDays, daysFrom } from "./ledger/usage-days.ts";
export { totalUsage } from "./ledger/usage-sums.ts";
export { type RateLimitReader, type RateLimitUse, readRateLimitUse, windowSchema } from "./rate-limit-use.ts";
export type { RequestCounter } from "./request-counter.ts";
export { readRefusal, type Refusal, refusalError, refusedSchema, unpricedError } from "./refusal-error.ts";
export { createRecountTenantUse, type TenantUse } from "./tenant-use.ts";
export { type KeyListSettings, loadKeys } from "./load-keys.ts";
