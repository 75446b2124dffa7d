import { ApiError, type Budget, type Limits, noBudget, noLimits } from "@darkroom/contracts";
import { hashApiKey, keyIdOf } from "./api-key.ts";
import type { StoredKey } from "./key-list.ts";

/** Who is calling. */
export type Account = {
  tenant: string;
  /** Names the key in logs and records; it is no secret. */
  keyId: string;
  /** What the operator calls the key. */
  name: string;
  /** Ids of the catalogue that it may use; null: all. */
  models: readonly string[] | null;
  limits: Limits;
  budget: Budget;
};

export type Authenticator = {
  /** Takes the `Authorization` header as it came. Throws `ApiError` `invalid_api_key`; the key is in no message. */
  authenticate(authorizationHeader: string | undefined): Account;
  /** The account of a key, by its id. */
  find(keyId: string): Account | undefined;
};

/** No key that we or OpenAI make is half as long, and a stranger cannot have us hash more than this. */
const maxKeyLength = 256;

/** Knows the callers by the hashes of their keys. */
export function createAuthenticator(keys: readonly StoredKey[]): Authenticator {
  const accounts = new Map(
    keys.map(({ hash, tenant, name }): [string, Account] => [
      hash,
      { tenant, name, keyId: keyIdOf(hash), models: null, limits: noLimits, budget: noBudget },
    ]),
  );
  return {
    find: (keyId) => [...accounts.values()].find((account) => account.keyId === keyId),
    authenticate(header) {
      // How long the lookup takes says something about the hash at most, and a hash tells nothing about how to come nearer to a key.
      const account = accounts.get(hashApiKey(bearerKey(header)));
      if (account === undefined)
        throw new ApiError(
          "invalid_api_key",
          "Incorrect API key provided. Check it, or ask the operator of this service for a new one.",
        );
      return account;
    },
  };
}

const expected = "Authorization: Bearer YOUR_KEY";

/** RFC 6750 §2.1: the scheme in any case, one or more blanks, one token. */
function bearerKey(header: string | undefined): string {
  if (header === undefined || header.trim() === "") {
    const message = `You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. ${expected}).`;
    throw new ApiError("invalid_api_key", message);
  }
  // Two headers of this name arrive joined with a comma, or as two tokens.
  const key = /^bearer +([^\s,]+)$/i.exec(header.trim())?.[1];
  if (key === undefined) {
    throw new ApiError(
      "invalid_api_key",
      `The Authorization header is malformed. It must be one key, with Bearer auth (i.e. ${expected}).`,
    );
  }
  if (key.length > maxKeyLength) {
    throw new ApiError("invalid_api_key", `The API key is too long: no key has more than ${maxKeyLength} characters.`);
  }
  return key;
}
