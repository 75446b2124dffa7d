import { expect } from "vitest";
import { bill, delivery, openQueue } from "../queue.fixture.ts";
import type { Leaving } from "./generation-store.ts";
import type { Submission } from "./submission.ts";

/** A submission that a caller waits for. */
export type Awaited = Submission & { caller: string };

/** A queue, and an api process that lives in it. */
export async function openApi() {
  const queue = await openQueue();
  const { generations, attempts } = queue;
  const api = await queue.waits("api", 3_600_000);

  /** A submission of a caller of this process. */
  function ask(over: Partial<Submission> = {}): Awaited {
    const caller = api.newCaller();
    return { ...queue.submission({ forceNew: false }), ...over, caller };
  }

  /** One that was accepted. */
  async function submitted(over: Partial<Submission> = {}): Promise<Awaited> {
    const submission = ask(over);
    expect(await generations.submit(submission)).toMatchObject({ kind: "accepted" });
    return submission;
  }

  return {
    queue,
    generations,
    attempts,
    api,
    ask,
    submitted,
    /** One that a worker has begun. */
    begun: async (over: Partial<Submission> = {}): Promise<Awaited> => {
      const submission = await submitted(over);
      await attempts.start(submission.id, submission.lane);
      return submission;
    },
    succeed: ({ id, lane }: Submission) => attempts.succeed(id, lane, 1, delivery, bill),
    leave: ({ id, lane, caller }: Awaited, how: Leaving) => generations.leave(id, lane, caller, how),
  };
}
