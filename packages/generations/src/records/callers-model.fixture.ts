import type { Leaving } from "./generation-store.ts";

/** A generation as far as callers have to do with it. */
type Drawn = {
  id: string;
  body: string;
  key: string | undefined;
  status: "queued" | "running" | "succeeded" | "failed" | "canceled";
  /** The provider may charge for a failure. */
  charged: boolean;
  begun: boolean;
  /** Whether its caller was told that it goes on. */
  kept: boolean;
  /** Whether it was canceled because its caller left. */
  abandoned: boolean;
  /** Whether no request gets it any more without its key: it was answered, or its owner has retried it. */
  closed: boolean;
  /** Whether its caller asked for a new generation, and was told to send the same request again. */
  returned: boolean;
  /** Callers whose process lives. */
  waiting: Set<string>;
  /** Callers whose process was killed. Its heartbeat is missed half a minute later, so until then nothing is canceled under them. */
  lost: Set<string>;
};

export type Asked = { id: string; body: string; key: string | undefined; caller: string; forceNew: boolean };

/**
 * The rule of `earlier-request.lua` and `leave.lua` said once more, without Redis: plain variables, one statement for each sentence of
 * docs/api.md. It knows no time: a story takes less than five minutes.
 */
export function createCallersModel() {
  const all = new Map<string, Drawn>();
  const claims = new Map<string, string>();
  const of = (id: string): Drawn => {
    const found = all.get(id);
    if (found === undefined) throw new Error(`The model knows no ${id}`);
    return found;
  };
  /** A caller with a key finds what has ended by that. */
  function forget({ key, waiting, lost }: Drawn): void {
    if (key === undefined) return;
    waiting.clear();
    lost.clear();
  }
  const lives = ({ status }: Drawn) => status === "queued" || status === "running";

  function earlier({ body, key, forceNew }: Asked): Drawn | "mismatch" | undefined {
    if (key !== undefined) {
      const claimed = all.get(claims.get(key) ?? "");
      if (claimed === undefined || claimed.abandoned) return undefined;
      return claimed.body === body ? claimed : "mismatch";
    }
    const equal = [...all.values()].filter((one) => one.body === body && one.key === undefined);
    const byAge = equal.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const open = ({ closed, waiting }: Drawn) => !closed && waiting.size === 0;
    const usable = (one: Drawn) => open(one) && (lives(one) || one.status === "succeeded");
    const returned = byAge.find((one) => usable(one) && one.returned);
    if (forceNew) return returned;
    const failed = ({ status, charged, closed }: Drawn) => status === "failed" && charged && !closed;
    return byAge.find((one) => usable(one) && !one.returned) ?? returned ?? byAge.find(failed);
  }

  return {
    of,
    /** The generations of a body and without a key that a provider has charged for, or may have. */
    bought: (body: string): Drawn[] =>
      [...all.values()].filter(
        (one) => one.body === body && one.key === undefined && one.begun && (one.status !== "failed" || one.charged),
      ),
    pick: (which: number): Drawn | undefined => [...all.values()][which % Math.max(all.size, 1)],

    /** A request that is refused finds what is there, and leaves nothing where there is nothing. */
    attach(asked: Asked): { kind: string; id?: string } {
      const found = earlier(asked);
      if (found === undefined) return { kind: "none" };
      if (found === "mismatch") return { kind: "mismatch", id: claims.get(asked.key ?? "") ?? "" };
      if (lives(found) || (found.key === undefined && found.status === "succeeded")) {
        found.waiting.add(asked.caller);
        found.returned = false;
      }
      return { kind: "attached", id: found.id };
    },

    submit(asked: Asked): { kind: string; id?: string } {
      const found = this.attach(asked);
      if (found.kind !== "none") return found;
      const { id, body, key, caller } = asked;
      const waiting = new Set([caller]);
      const fresh = { charged: false, begun: false, kept: false, abandoned: false, closed: false, returned: false };
      all.set(id, { id, body, key, status: "queued", ...fresh, waiting, lost: new Set() });
      if (key !== undefined) claims.set(key, id);
      return { kind: "accepted" };
    },

    leave(id: string, caller: string, how: Leaving): "canceled" | "kept" {
      const one = of(id);
      one.waiting.delete(caller);
      if (one.abandoned) return "canceled";
      if (how === "answered" || how === "accepted") {
        // An error for which the provider may charge is told to the next, too.
        if (how === "accepted" || one.status !== "failed") one.closed = true;
        return "kept";
      }
      if (how === "later") one.kept = true;
      if (one.waiting.size + one.lost.size > 0) return "kept";
      if (one.status !== "queued" || one.begun || one.kept) {
        one.returned = how === "returned";
        return "kept";
      }
      Object.assign(one, { status: "canceled", abandoned: true });
      return "canceled";
    },

    /** The process of these callers was killed: it reports nothing. */
    kill(callers: ReadonlySet<string>): void {
      for (const { waiting, lost } of all.values()) {
        for (const caller of callers) if (waiting.delete(caller)) lost.add(caller);
      }
    },

    start(id: string): void {
      Object.assign(of(id), { status: "running", begun: true });
    },

    end(id: string, status: "succeeded" | "failed", charged: boolean): void {
      const one = of(id);
      Object.assign(one, { status, charged: status === "failed" && charged });
      forget(one);
    },

    cancel(id: string): void {
      const one = of(id);
      one.status = "canceled";
      forget(one);
    },

    retry(id: string): void {
      const one = of(id);
      Object.assign(one, {
        status: "queued",
        begun: false,
        kept: true,
        abandoned: false,
        closed: true,
        charged: false,
      });
    },
  };
}

export type CallersModel = ReturnType<typeof createCallersModel>;
