import type { ServerResponse } from "node:http";
import type { Keyring } from "@darkroom/accounts";
import { ApiError, countOf } from "@darkroom/contracts";
import type { Sample, TenantAmounts } from "@darkroom/runtime";
import type { FastifyRequest } from "fastify";
import { accountOf } from "../http/authenticate.ts";
import { credentialOf } from "../http/credential.ts";

export type HeldRequestsOptions = {
  keyring: Pick<Keyring, "authenticate">;
  /** How many requests of a key are held at a time where the key has no limit of its own. */
  maxPerKey: number;
  /** How often keys are checked to be in force, in milliseconds. A changed key is known within a second. */
  everyMs?: number;
};

/** How a request waits: for its images, for events, or for a change of a generation. */
export type WaitKind = "sync" | "stream" | "long_poll";

/** A request that is held open, and the listeners for the end of its key. */
type Held = { stopped: boolean; tellAll: Set<() => void> };

/** How soon another answer may make room. It is a guess: an image takes some seconds. */
const retryAfterMs = 2_000;

/**
 * Counts the requests that a process holds open by key: callers that wait for images, event streams and long polls, in the order in which
 * they came. Each costs memory, and mostly an open file, for as long as its caller likes, whatever limits the key has. It also tells a
 * held request when the key that it came with is in force no more: deleted, disabled, expired, or rotated out.
 */
export function createHeldRequests({ keyring, maxPerKey, everyMs = 250 }: HeldRequestsOptions) {
  const counts = new Map<string, number>();
  const countsOfTenants = new Map<string, number>();
  const waits: Record<WaitKind, number> = { sync: 0, stream: 0, long_poll: 0 };
  const ofResponse = new WeakMap<ServerResponse, Held>();
  /** By what the caller has sent to authenticate: a rotation ends one secret of a key and not the other. */
  const ofCredential = new Map<string, Set<Held>>();
  let timer: NodeJS.Timeout | undefined;

  function isInForce(credential: string): boolean {
    try {
      keyring.authenticate(credential);
      return true;
    } catch {
      return false;
    }
  }

  function look(): void {
    for (const [credential, all] of ofCredential) {
      if (isInForce(credential)) continue;
      ofCredential.delete(credential);
      for (const held of all) {
        held.stopped = true;
        for (const tell of held.tellAll) tell();
      }
    }
    stopWhereNoneIsHeld();
  }

  function stopWhereNoneIsHeld(): void {
    if (ofCredential.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function follow(credential: string, response: ServerResponse): () => void {
    const held: Held = { stopped: false, tellAll: new Set() };
    const all = ofCredential.get(credential) ?? new Set();
    ofCredential.set(credential, all.add(held));
    ofResponse.set(response, held);
    timer ??= setInterval(look, everyMs).unref();
    return () => {
      all.delete(held);
      if (all.size === 0 && ofCredential.get(credential) === all) ofCredential.delete(credential);
      stopWhereNoneIsHeld();
    };
  }

  return {
    /** Counts a request until its answer is out or its caller has gone. Throws `ApiError` where its key has as many as it may. */
    holdOrRefuse(request: FastifyRequest, response: ServerResponse): void {
      // The close of one that is closed is not told any more.
      if (response.closed) return;
      const { keyId, tenant, limits } = accountOf(request);
      const most = limits.held_requests ?? maxPerKey;
      const before = counts.get(keyId) ?? 0;
      if (before >= most) throw tooMany(most);
      change(counts, keyId, 1);
      change(countsOfTenants, tenant, 1);
      const leave = follow(credentialOf(request.headers) ?? "", response);
      response.once("close", () => {
        leave();
        change(counts, keyId, -1);
        change(countsOfTenants, tenant, -1);
      });
    },

    /** How many requests are held. */
    count: (): number => [...counts.values()].reduce((sum, count) => sum + count, 0),

    /** How many requests are held, by tenant. */
    byTenant: (): TenantAmounts => countsOfTenants,

    /** How many requests wait now, by kind. One that is being read, submitted or answered does not wait. */
    waits: (): Sample[] => Object.entries(waits).map(([kind, value]) => ({ labels: { kind }, value })),

    /** Counts a wait until the returned function is called, once. */
    beginWait(kind: WaitKind): () => void {
      waits[kind]++;
      return () => void waits[kind]--;
    },

    /** Calls `tell` when the key of a held request is in force no more, at once where that is so. Returns the function that takes it back. */
    onStopped(response: ServerResponse, tell: () => void): () => void {
      const held = ofResponse.get(response);
      if (held?.stopped === true) tell();
      held?.tellAll.add(tell);
      return () => void held?.tellAll.delete(tell);
    },
  };
}

export type HeldRequests = ReturnType<typeof createHeldRequests>;

function change(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + by;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}

const tooMany = (most: number) =>
  new ApiError(
    "concurrency_limit_exceeded",
    `This API key may have ${countOf(most, "request")} held open at a time at one process (held_requests: waiting calls, streams and long polls), and has that many. Send the request again when one is answered.`,
    { retryAfterMs },
  );

/** What a held request is told whose key is in force no more. */
export const keyStopped = (generationId: string): ApiError =>
  new ApiError(
    "invalid_api_key",
    `This API key is not in use any more, so this request is not answered. The id of its generation is ${generationId}.`,
  );
