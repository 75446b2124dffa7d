import { ApiError } from "@darkroom/contracts";
import type { TenantAmounts } from "@darkroom/runtime";
import type { FastifyReply, FastifyRequest } from "fastify";
import { accountOf } from "../http/authenticate.ts";

export type ReadTurnsOptions = {
  /** How many lists this process reads at a time, for all tenants. A page is half a megabyte at most. */
  maxReads?: number;
  /** And for one tenant, with those whose answers its clients have not taken yet. */
  maxReadsOfTenant?: number;
  /** How many more wait for their turn, of one tenant. */
  maxWaitingOfTenant?: number;
  /** How long a list waits for its turn, in milliseconds. */
  maxWaitMs?: number;
  /** How long a place rests after a page: so many milliseconds, and one more for each so many bytes that were read for it. */
  rest?: { leastMs: number; bytesPerMs: number };
  /** How long a client may take to receive a page, in milliseconds: half a megabyte at 9 KB/s. */
  takeWithinMs?: number;
  /** From 0 to 1. */
  random?: () => number;
};

type Waiting = { begin: () => void };
type Tenant = { places: number; waiting: Set<Waiting> };
type Turn = { rendered: () => void };

/** Clients that are refused together must not come back together: OpenAI's SDKs wait for exactly `Retry-After`. */
const retryAfterMs = { least: 1_000, spread: 4_000 };

/**
 * Four places that each read 1.25 MB a second at most: with pages of half a megabyte they take about a tenth of a process, with pages of
 * a few kilobytes a quarter. It is not the time that a page took: where the process is busy with others, that would slow down clients that
 * have done nothing.
 */
const usualRest = { leastMs: 40, bytesPerMs: 1_250 };

/** What a list counts as that ended before its page was made: a full page. What it has read by then is not known. */
const unfinishedBytes = 524_288;

/**
 * Bounds what lists take of a process, as hooks of the routes that answer with one. Each tenant has some places. A list takes one when it
 * is its turn, and has it until its answer has been received. Then the place rests, for longer after a larger page, so that the lists of one
 * tenant take a share of the process at most, however many of them are sent. Lists without a place wait, and are refused after a while with
 * 429. Tenants take turns where the places of the process are fewer than theirs.
 */
export function createReadTurns(options: ReadTurnsOptions = {}) {
  const { maxReads = 8, maxReadsOfTenant = 4, maxWaitingOfTenant = 1_000, maxWaitMs = 5_000 } = options;
  const { rest = usualRest, takeWithinMs = 60_000, random = Math.random } = options;
  /** The tenants that have a place or wait for one, those whose last turn is the longest ago first. */
  const tenants = new Map<string, Tenant>();
  const turns = new WeakMap<FastifyRequest, Turn>();
  let reads = 0;

  function refusal({ places }: Tenant): ApiError {
    const again = { retryAfterMs: retryAfterMs.least + Math.round(random() * retryAfterMs.spread) };
    if (places < maxReadsOfTenant) {
      return new ApiError("overloaded", "This server is reading too many lists. Send this request again later.", again);
    }
    const message = `Rate limit reached for lists: ${maxReadsOfTenant} of one tenant are read at a time, and this one waited too long for its turn. Send fewer at a time, and this one again later.`;
    return new ApiError("concurrency_limit_exceeded", message, again);
  }

  function beginNext(): void {
    for (const [name, tenant] of tenants) {
      if (reads >= maxReads) return;
      const [next] = tenant.waiting;
      if (next === undefined || tenant.places >= maxReadsOfTenant) continue;
      // Its next turn comes after one of all others.
      tenants.delete(name);
      tenants.set(name, tenant);
      next.begin();
    }
  }

  function leave(name: string, tenant: Tenant): void {
    if (tenant.places === 0 && tenant.waiting.size === 0) tenants.delete(name);
  }

  async function waitForTurn(tenant: Tenant, { raw }: FastifyReply): Promise<void> {
    if (tenant.waiting.size >= maxWaitingOfTenant) throw refusal(tenant);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const entry: Waiting = {
      begin: () => {
        tenant.waiting.delete(entry);
        take(tenant);
        resolve();
      },
    };
    const giveUp = () => {
      tenant.waiting.delete(entry);
      reject(refusal(tenant));
    };
    tenant.waiting.add(entry);
    const timer = setTimeout(giveUp, maxWaitMs);
    raw.once("close", giveUp);
    await promise.finally(() => {
      clearTimeout(timer);
      raw.off("close", giveUp);
    });
  }

  function take(tenant: Tenant): void {
    tenant.places++;
    reads++;
  }

  /** Follows a read that has its place until that is free again. */
  function follow(name: string, tenant: Tenant, { facts }: FastifyRequest, { raw }: FastifyReply): Turn {
    let isRendered = false;
    const rendered = () => {
      if (isRendered) return;
      isRendered = true;
      reads--;
      beginNext();
    };
    const free = () => {
      tenant.places--;
      leave(name, tenant);
      beginNext();
    };
    const closed = () => {
      clearTimeout(cut);
      // Else a client that hangs up at once, again and again, has lists read without a rest.
      const readBytes = facts.readBytes ?? (isRendered ? 0 : unfinishedBytes);
      rendered();
      setTimeout(free, rest.leastMs + readBytes / rest.bytesPerMs).unref();
    };
    const cut = setTimeout(() => raw.destroy(), takeWithinMs).unref();
    if (raw.closed) closed();
    else raw.once("close", closed);
    return { rendered };
  }

  return {
    /** Waits for the turn of a list. The admin's need none. Throws `ApiError` where it does not come in time. */
    preHandler: async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      if (request.facts.admin === true) return;
      const { tenant: name } = accountOf(request);
      const tenant = tenants.get(name) ?? { places: 0, waiting: new Set() };
      tenants.set(name, tenant);
      try {
        if (reads < maxReads && tenant.places < maxReadsOfTenant && tenant.waiting.size === 0) take(tenant);
        else await waitForTurn(tenant, reply);
      } catch (error) {
        leave(name, tenant);
        throw error;
      }
      turns.set(request, follow(name, tenant, request, reply));
    },

    /** How many places each tenant has. */
    byTenant: (): TenantAmounts => new Map([...tenants].map(([name, { places }]) => [name, places])),

    /** The page is made: from here on it takes only memory, and that of its own tenant's places. */
    onSend: async (request: FastifyRequest): Promise<void> => turns.get(request)?.rendered(),
  };
}

/** Options of a route that answers with a list. */
export type ReadTurns = ReturnType<typeof createReadTurns>;
