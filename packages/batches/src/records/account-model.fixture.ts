import type { Admission } from "@darkroom/accounts";
import type { Budget, Ending, Limits } from "@darkroom/contracts";
import type { Submission } from "@darkroom/generations";
import { createSumsModel, type EndingOfModel, isAlive, type Life, overspends } from "./account-sums-model.fixture.ts";

/**
 * A model of what the scripts must do to accounts, ledger and sums, in plain variables, one statement for each rule. It has no clock: a
 * story takes less than a minute of one day.
 */
export function createAccountModel(terms: Record<string, [Limits, Budget]>) {
  const lives = new Map<string, Life>();
  const endings: EndingOfModel[] = [];
  const stopped = new Set<string>();

  const { account, refuse, usage } = createSumsModel({ lives, endings });

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

  /** A delivery without a price takes the reserved amount from the budget. */
  function deliver(id: string, cost: number | null): void {
    const one = life(id);
    enter(one, "succeeded", { cost, unbilled: cost === null ? one.worst : 0, providerCost: cost });
  }

  /** An ending that delivers nothing takes the reserved amount from the budget where a provider may charge. It is billed by its policy. */
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

    /** A line of a batch does not run where spent money leaves no room for it, and waits where only reserved money leaves none. */
    feed(submission: Submission): string {
      const { reserved, total } = account(submission.keyId);
      if (overspends(submission.admission, total) !== null) return "refused";
      return overspends(submission.admission, total + reserved) === null ? begin(submission, true) : "waits";
    },

    start(id: string): string {
      const one = life(id);
      if (one.status === "expired") return "expired";
      if (one.stopped) return "stopped";
      if (!isAlive(one)) return "ended";
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
      if (!isAlive(one)) return "ended";
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

    /** An attempt that bought nothing does not count. A generation that only it has begun is not begun. */
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
      if (!isAlive(one)) return "ended";
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
      if (isAlive(one)) return "unended";
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

    usage,
  };
}

export type AccountModel = ReturnType<typeof createAccountModel>;
