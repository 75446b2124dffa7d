import type { Admission } from "@darkroom/accounts";
import type { Budget, Ending, Limits } from "@darkroom/contracts";
import type { Submission } from "@darkroom/generations";

type Life = {
  submission: Submission;
  worst: number;
  status: "queued" | "running" | Ending;
  /** The fencing token of its latest attempt. */
  attempts: number;
  begun: boolean;
  /** The attempt that began this life. */
  first: number | null;
  /** Its time to start is over. */
  overdue: boolean;
  kept: boolean;
  abandoned: boolean;
  /** Put down by its latest attempt. */
  postponed: boolean;
  /** Canceled because its key was no longer in use. */
  stopped: boolean;
  /** A provider may have charged for an attempt of this life that is over. */
  inDoubt: boolean;
  /** A partial image was shown in this life. */
  shown: boolean;
  waits: boolean;
  /** A line of a batch: held to the budget alone, and stopped with its batch. */
  line: boolean;
};

type EndingOfModel = {
  generation: string;
  status: Ending;
  cost: number | null;
  /** What the budget loses beside. */
  unbilled: number;
  providerCost: number | null;
  keyId: string;
};

/**
 * What the scripts must do to accounts, ledger and sums, said once more without Redis and without scripts: plain variables, one
 * statement for each rule. It knows no time: a story takes less than a minute and is told on one day.
 */
export function createAccountModel(terms: Record<string, [Limits, Budget]>) {
  const lives = new Map<string, Life>();
  const endings: EndingOfModel[] = [];
  const windows = new Map<string, { requests: number; images: number }>();
  const stopped = new Set<string>();

  const of = (keyId: string) => [...lives.values()].filter(({ submission }) => submission.keyId === keyId);
  const single = ({ line }: Life) => !line;
  const alive = ({ status }: Life) => status === "queued" || status === "running";
  const spent = (keyId: string) =>
    endings
      .filter((ending) => ending.keyId === keyId)
      .reduce((sum, { cost, unbilled }) => sum + (cost ?? 0) + unbilled, 0);

  const account = (keyId: string) => {
    const total = spent(keyId);
    return {
      active: of(keyId).filter(alive).filter(single).length,
      queued: of(keyId)
        .filter(({ status }) => status === "queued")
        .filter(single).length,
      reserved: of(keyId)
        .filter(alive)
        .reduce((sum, { worst }) => sum + worst, 0),
      total,
      daySpent: total,
      monthSpent: total,
    };
  };

  /** The first budget or limit that one more would exceed. */
  function refuse(admission: Admission, keyId: string): string | null {
    const { reserved, total } = account(keyId);
    const overspent = overspends(admission, total + reserved);
    if (overspent !== null) return overspent;
    const { limits, images } = admission;
    const { active, queued } = account(keyId);
    const { requests, images: seen } = windows.get(keyId) ?? { requests: 0, images: 0 };
    if (limits.queued_generations !== null && queued >= limits.queued_generations) return "queued";
    if (limits.concurrent_generations !== null && active >= limits.concurrent_generations) return "concurrent";
    const full = [];
    if (limits.requests_per_minute !== null && requests + 1 > limits.requests_per_minute) full.push("requests");
    if (limits.images_per_minute !== null && seen + images > limits.images_per_minute) full.push("images");
    // Of two that are full, the one that is so for longer is told: that depends on the moments of earlier admissions.
    if (full.length > 0) return full.join(" or ");
    windows.set(keyId, { requests: requests + 1, images: seen + images });
    return null;
  }

  const life = (id: string): Life => {
    const found = lives.get(id);
    if (found === undefined) throw new Error(`The model knows no ${id}`);
    return found;
  };

  function begin(submission: Submission, line: boolean): string {
    lives.set(submission.id, {
      submission,
      worst: submission.admission.worstCaseMicros ?? 0,
      status: "queued",
      attempts: 0,
      begun: false,
      first: null,
      overdue: false,
      kept: false,
      abandoned: false,
      postponed: false,
      stopped: false,
      inDoubt: false,
      shown: false,
      waits: !line,
      line,
    });
    return "accepted";
  }

  function enter(one: Life, status: Ending, sums: Pick<EndingOfModel, "cost" | "unbilled" | "providerCost">): void {
    Object.assign(one, { status, waits: false });
    endings.push({ generation: one.submission.id, status, keyId: one.submission.keyId, ...sums });
  }

  /** What has no price takes of a budget what was reserved for it. */
  function deliver(id: string, cost: number | null): void {
    const one = life(id);
    enter(one, "succeeded", { cost, unbilled: cost === null ? one.worst : 0, providerCost: cost });
  }

  /** What delivers nothing takes of a budget what was reserved for it where a provider may charge, and is billed as it was agreed. */
  function finish(id: string, status: Ending, mayBeCharged: boolean): void {
    const one = life(id);
    const { billUndelivered: policy } = one.submission;
    if (!mayBeCharged && !one.inDoubt) return enter(one, status, { cost: 0, unbilled: 0, providerCost: 0 });
    const billed = policy === "reserved" || (policy === "partials" && status === "canceled" && one.shown);
    const sums = billed ? { cost: one.worst, unbilled: 0 } : { cost: 0, unbilled: one.worst };
    enter(one, status, { ...sums, providerCost: null });
  }

  return {
    account,
    endings: () =>
      endings.map(({ generation, status, cost, unbilled, providerCost }) => ({
        generation,
        status,
        cost,
        unbilled,
        providerCost,
      })),

    admission(keyId: string, images: number, worstCaseMicros: number): Admission {
      const found = terms[keyId];
      if (found === undefined) throw new Error(`The model knows no ${keyId}`);
      return { limits: found[0], budget: found[1], images, worstCaseMicros };
    },

    pick(which: number): Life | undefined {
      return [...lives.values()][which % Math.max(lives.size, 1)];
    },

    submit(submission: Submission): string {
      const refused = refuse(submission.admission, submission.keyId);
      return refused ?? begin(submission, false);
    },

    /** A line of a batch is not run at all where what is spent leaves no room for it, and waits where only what is reserved does. */
    feed(submission: Submission): string {
      const { reserved, total } = account(submission.keyId);
      if (overspends(submission.admission, total) !== null) return "refused";
      return overspends(submission.admission, total + reserved) === null ? begin(submission, true) : "waits";
    },

    start(id: string): string {
      const one = life(id);
      if (one.status === "expired") return "expired";
      if (one.stopped) return "stopped";
      if (!alive(one)) return "ended";
      if (!one.begun && one.overdue) {
        finish(id, "expired", false);
        return "expired";
      }
      if (!one.begun && !one.line && stopped.has(one.submission.keyId)) {
        finish(id, "canceled", false);
        one.stopped = true;
        return "stopped";
      }
      // The attempt before has died.
      if (one.status === "running") one.inDoubt = true;
      const attempts = one.attempts + 1;
      Object.assign(one, { status: "running", attempts, begun: true, first: one.begun ? one.first : attempts });
      return "started";
    },

    show(id: string): string {
      const one = life(id);
      if (one.status !== "running") return "fenced";
      one.shown = true;
      return "ok";
    },

    end(id: string, how: { cost: number | null } | { mayBeCharged: boolean }): string {
      const one = life(id);
      const status = "cost" in how ? "succeeded" : "failed";
      // Without an attempt there is no token.
      if (one.attempts === 0) return "fenced";
      if (one.status === status) return "ok";
      if (!alive(one)) return "ended";
      if (one.status !== "running") return "fenced";
      if ("cost" in how) deliver(id, how.cost);
      else finish(id, status, how.mayBeCharged);
      return "ok";
    },

    /** `brokenOff`: its provider call was. */
    postpone(id: string, brokenOff: boolean): string {
      const one = life(id);
      if (one.status === "queued" && one.postponed) return "ok";
      if (one.status !== "running") return "fenced";
      Object.assign(one, { status: "queued", postponed: true, inDoubt: one.inDoubt || brokenOff });
      return "ok";
    },

    /** An attempt that bought nothing was none. What was begun by it alone is not begun. */
    putInLine(id: string): string {
      const one = life(id);
      if (one.status === "queued" && one.postponed) return "ok";
      if (one.status !== "running") return "fenced";
      const unbegun = one.first === one.attempts;
      if (one.overdue && !unbegun) return "late";
      Object.assign(one, { status: "queued", postponed: true, begun: !unbegun });
      return "ok";
    },

    cancel(id: string): string {
      const one = life(id);
      if (!alive(one)) return "ended";
      const was = one.status;
      finish(id, "canceled", was === "running");
      return was;
    },

    withdraw(id: string): string {
      const { status } = life(id);
      if (status === "canceled") return "ok";
      if (status !== "queued") return "kept";
      finish(id, "canceled", false);
      return "ok";
    },

    /** Its time to start is over. */
    expire(id: string): string {
      const one = life(id);
      one.overdue = true;
      if (one.status === "expired") return "expired";
      if (one.status !== "queued" || one.begun) return "kept";
      finish(id, "expired", false);
      return "expired";
    },

    abandon(id: string): string {
      const one = life(id);
      if (one.abandoned) return "canceled";
      one.waits = false;
      if (one.kept || one.status !== "queued" || one.begun) return "kept";
      finish(id, "canceled", false);
      one.abandoned = true;
      return "canceled";
    },

    retry(id: string): string {
      const one = life(id);
      if (one.status === "succeeded") return "succeeded";
      if (alive(one)) return "unended";
      if (one.line) return "batched";
      const refused = refuse({ ...one.submission.admission, worstCaseMicros: one.worst }, one.submission.keyId);
      if (refused !== null) return refused;
      Object.assign(one, {
        status: "queued",
        begun: false,
        overdue: false,
        kept: true,
        abandoned: false,
        postponed: false,
        stopped: false,
        inDoubt: false,
        shown: false,
      });
      return "accepted";
    },

    stop: (keyId: string) => void stopped.add(keyId),
    allow: (keyId: string) => void stopped.delete(keyId),

    /** The sums of the day: by key and measure, nothing where it is zero. */
    usage(): Record<string, number> {
      const sums: Record<string, number> = {};
      const add = (name: string, amount: number) => {
        if (amount > 0) sums[name] = (sums[name] ?? 0) + amount;
      };
      for (const { keyId, status, cost, unbilled, providerCost } of endings) {
        add(`${keyId} ${status}`, 1);
        if (cost === null) add(`${keyId} unpriced`, 1);
        else add(`${keyId} cost`, cost);
        add(`${keyId} unbilled`, unbilled);
        if (providerCost === null) add(`${keyId} provider_cost_unknown`, 1);
        else add(`${keyId} provider_cost`, providerCost);
        if (status !== "succeeded") continue;
        add(`${keyId} images`, 1);
        add(`${keyId} input_tokens`, 3);
        add(`${keyId} output_tokens`, 7);
      }
      return sums;
    },
  };
}

export type AccountModel = ReturnType<typeof createAccountModel>;

/** The first budget that one more would exceed where so much of it is taken. */
function overspends({ budget, worstCaseMicros }: Admission, taken: number): string | null {
  const exceeds = (limit: number | null) => limit !== null && taken + (worstCaseMicros ?? 0) > limit;
  return (["total", "month", "day"] as const).find((name) => exceeds(budget[name])) ?? null;
}
