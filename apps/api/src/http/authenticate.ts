import type { Account, Keyring } from "@darkroom/accounts";
import { ApiError } from "@darkroom/contracts";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { AuthenticationGate } from "./authentication-gate.ts";
import { browserChallenge, browserCredentialOf, credentialOf } from "./credential.ts";

export type Authentication = { keyring: Keyring; gate: AuthenticationGate };

/** Requires an API key on the routes of `app`. It checks before the body is read, so that an unauthenticated client costs little. */
export function authenticateCallers(app: FastifyInstance, { gate }: Authentication): void {
  gate.guard(app);
  app.addHook("onRequest", async ({ facts, raw }) => {
    facts.account = gate.accountOf(raw);
  });
}

/** Requires the admin key on the routes of `app`. A caller with an API key is told that this route needs the admin key. */
export function authenticateAdmin(app: FastifyInstance, { gate, keyring }: Authentication): void {
  gate.guard(app);
  app.addHook("onRequest", async ({ facts, headers, raw }) => {
    facts.admin = keyring.isAdmin(credentialOf(headers));
    if (facts.admin) return;
    facts.account = gate.accountOf(raw);
    throw onlyAdmin();
  });
}

const onlyAdmin = () => new ApiError("permission_denied", "This key may not use this route: only the admin key may.");

/** The same on routes that are opened in a browser, which asks its user for the key: HTTP Basic with the admin key as the password. */
export function authenticateAdminInBrowser(app: FastifyInstance, { gate, keyring }: Authentication): void {
  gate.guard(app, { inBrowser: true });
  app.addHook("onRequest", async ({ facts, headers }) => {
    const credential = browserCredentialOf(headers);
    facts.admin = keyring.isAdmin(credential);
    if (facts.admin) return;
    facts.account = keyring.authenticate(credential);
    throw onlyAdmin();
  });
  app.addHook("onSend", async (_request, reply) => {
    if (reply.statusCode === 401) reply.header("www-authenticate", browserChallenge);
  });
}

/** Lets callers with a key and the admin reach the routes of `app`. For the admin `facts.admin` is true, and there is no account. */
export function authenticateCallersOrAdmin(app: FastifyInstance, { gate, keyring }: Authentication): void {
  gate.guard(app);
  app.addHook("onRequest", async ({ facts, headers, raw }) => {
    facts.admin = keyring.isAdmin(credentialOf(headers));
    if (!facts.admin) facts.account = gate.accountOf(raw);
  });
}

/** The account of the caller, on a route behind `authenticateCallers`. */
export function accountOf({ facts, url }: FastifyRequest): Account {
  if (facts.account === undefined) throw new Error(`${url} is not behind authentication`);
  return facts.account;
}
