export { hashApiKey, newApiKey } from "./api-key.ts";
export { type Account, type Authenticator, createAuthenticator } from "./authenticator.ts";
export { parseKeyList, type StoredKey } from "./key-list.ts";
export { KeyListError } from "./key-list-error.ts";
