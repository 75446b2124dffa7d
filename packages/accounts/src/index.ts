export { accountScripts } from "./account-scripts.ts";
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
export { hashApiKey, newApiKey } from "./api-key.ts";
export { type Account, type Authenticator, createAuthenticator } from "./authenticator.ts";
export { type Bill, billArgument, nothingDelivered } from "./bill.ts";
export { type KeySource, parseKeyList, type StoredKey } from "./key-list.ts";
export { KeyListError } from "./key-list-error.ts";
export { type KeySettings, loadKeys } from "./load-keys.ts";
export { createLedger, type Ledger } from "./ledger/create-ledger.ts";
export { LedgerError } from "./ledger/ledger-error.ts";
export { createMinuteUseReader, type MinuteUseReader } from "./minute-use-reader.ts";
export { refusalError } from "./refusal-error.ts";
