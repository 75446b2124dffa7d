import type { Account, Keyring } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** Lets only callers with a key reach the routes of `app`: before the body is read, so that a stranger costs nothing. */
export function authenticateCallers(app: FastifyInstance, keyring: Keyring): void {
  app.addHook("onRequest", async (request) => {
    request.facts.account = keyring.authenticate(request.headers.authorization);
  });
}

/** Lets only the admin reach the routes of `app`. Whoever else has a key is told that it is the wrong one for this place. */
export function authenticateAdmin(app: FastifyInstance, keyring: Keyring): void {
  app.addHook("onRequest", async ({ facts, headers }) => {
    facts.admin = keyring.isAdmin(headers.authorization);
    if (facts.admin) return;
    facts.account = keyring.authenticate(headers.authorization);
    throw new ApiError("model_not_allowed", "This key may not use the routes of /admin: only the admin key may.");
  });
}

/** Lets callers with a key and the admin reach the routes of `app`. For the admin `facts.admin` is true, and there is no account. */
export function authenticateCallersOrAdmin(app: FastifyInstance, keyring: Keyring): void {
  app.addHook("onRequest", async ({ facts, headers }) => {
    facts.admin = keyring.isAdmin(headers.authorization);
    if (!facts.admin) facts.account = keyring.authenticate(headers.authorization);
  });
}

/** Who is calling, on a route behind `authenticateCallers`. */
export function accountOf({ facts, url }: FastifyRequest): Account {
  if (facts.account === undefined) throw new Error(`${url} is not behind authentication`);
  return facts.account;
}
