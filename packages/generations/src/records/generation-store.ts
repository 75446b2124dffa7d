import { defineScript, generationKeys, tombstoneField } from "@darkroom/redis";
import { randomUUID } from "node:crypto";
import { type Admission, admissionArgument } from "@darkroom/accounts";
import { z } from "zod";
import type { GenerationRecord } from "./generation-record.ts";
import { unpackRecord } from "../packing/pack-ended.ts";
import { listGenerations, type ListOptions } from "./list-generations.ts";
import type { PartialImage } from "./partial-image.ts";
import { readPartials } from "./read-partials.ts";
import { readRecord } from "./read-record.ts";
import type { StoreOptions } from "../queue-connection.ts";
import {
  type Admitted,
  admittedSchema,
  attachGeneration,
  type Earlier,
  readAdmitted,
  reservedArgument,
  type Submission,
  type SubmitOptions,
  submitGeneration,
  type Submitted,
  type RequestIdentity,
} from "./submission.ts";

/** The result of a retry. `succeeded`, `unended` and `batched` (a line of a batch) cannot be retried; `gone` has no record. */
export type Retried = Admitted | { kind: "gone" | "succeeded" | "unended" | "batched" };

/**
 * How a caller's wait for a generation ends. `answered`: its answer was written, with the ending. `accepted`: its answer was written, with the
 * id (202). `cut`: its connection broke, or it was told to send the request again. `returned`: it was told so, and its request asks for a new
 * generation. `later`: it was told that the generation goes on.
 */
export type Leaving = "answered" | "accepted" | "cut" | "returned" | "later";

/** A record that is unpacked for a retry may end another life, and be packed again, before it. */
const retryTries = 3;

/** An operator who drops what has ended does not take it from a caller that has yet to read its ending. */
const endedLeftAloneMs = 60_000;

/** Nor what is paid for and may still be fetched by a repeated request, which would buy it again (`unanswered_for_ms`, `callers.lua`). */
const unansweredLeftAloneMs = 900_000;

const leave = defineScript(new URL("../scripts/leave.lua", import.meta.url), z.enum(["canceled", "kept"]));
const keep = defineScript(new URL("../scripts/keep.lua", import.meta.url), z.enum(["ok", "gone"]));
const cancel = defineScript(
  new URL("../scripts/cancel.lua", import.meta.url),
  z.enum(["gone", "ended", "queued", "running"]),
);
const retry = defineScript(
  new URL("../scripts/retry.lua", import.meta.url),
  z.union([admittedSchema, z.tuple([z.enum(["gone", "succeeded", "unended", "batched", "packed"])])]),
);
const dropEnded = defineScript(new URL("../scripts/drop-ended.lua", import.meta.url), z.tuple([z.int(), z.int()]));
const watch = defineScript(new URL("../scripts/watch.lua", import.meta.url), z.enum(["ok", "gone"]));
const withdraw = defineScript(new URL("../scripts/withdraw.lua", import.meta.url), z.enum(["ok", "kept", "gone"]));
const expire = defineScript(new URL("../scripts/expire.lua", import.meta.url), z.enum(["expired", "kept"]));

/**
 * The records of all generations for the callers' side. Each change of a state is one script: it is atomic, it may be repeated after a lost
 * answer, and the terminal state is set once.
 */
export function createGenerationStore({ redis, keys, retention }: StoreOptions) {
  const where = (id: string, lane: string) => generationKeys(keys, id, lane);

  return {
    /**
     * Accepts a generation, which then ends exactly once, or finds that of an equal earlier request by the rule of
     * `scripts/earlier-request.lua`.
     */
    submit: (submission: Submission, options: SubmitOptions = {}): Promise<Submitted> =>
      submitGeneration({ redis, keys, retention }, submission, options),

    /** Finds the generation of an earlier request by the same rule; null where there is none. It makes no new one. */
    attach: (identity: RequestIdentity): Promise<Earlier | null> => attachGeneration(redis, keys, identity),

    /** The earlier generation that a submission was attached to in the last minutes; null where it was not. */
    attachedTo: (submissionId: string): Promise<string | null> => redis.get(keys.attached(submissionId)),

    async read(id: string): Promise<GenerationRecord | null> {
      return readRecord(redis, keys, id);
    },

    /** A page of a tenant's generations: see `listGenerations`. */
    list: (options: ListOptions) => listGenerations(redis, keys, options),

    /** The partial images that a generation has shown, from the `from`-th on: see `readPartials`. */
    readPartials: (id: string, from?: number): Promise<PartialImage[]> => readPartials(redis, keys, id, from),

    /** The lane of a generation, also of one whose record this release cannot read; null where there is none. */
    readLane: (id: string): Promise<string | null> => redis.hget(keys.record(id), "lane"),

    /** The tenant of a generation whose record was dropped a short time ago. */
    async readTombstone(id: string): Promise<string | null> {
      return (await redis.hget(keys.tombstones(id), tombstoneField(id))) ?? redis.get(keys.formerTombstone(id));
    },

    /**
     * Notes that a caller does not wait any more. When a client disconnects, its generation is canceled if it has not begun, no other caller
     * waits for it and its client was not told the id.
     *
     * @param caller `""` for one that did not wait, and has read how it ended
     */
    leave: (id: string, lane: string, caller: string, how: Leaving) =>
      leave(redis, where(id, lane), [id, caller, retention.recordsMs, how]),

    /** Keeps a generation for which no caller waits, because its caller was told the id. */
    keep: (id: string) => keep(redis, [keys.record(id)], []),

    /** Cancels a generation that has not ended, and tells the worker that runs it. Answers the status that it had. */
    cancel: (id: string, lane: string) =>
      cancel(redis, generationKeys(keys, id, lane, keys.cancels), [id, retention.recordsMs, randomUUID()]),

    /**
     * Queues a failed, canceled or expired generation again under its own id, on the account of its own key. `goneVersion`: the version of a
     * succeeded one whose images are gone from the object store; then all images are bought again.
     */
    async retry(
      id: string,
      lane: string,
      tenant: string,
      admission: Admission,
      { goneVersion }: { goneVersion?: number | undefined } = {},
    ): Promise<Retried> {
      const asks = [admissionArgument(admission), reservedArgument(admission)];
      const args = [id, tenant, ...asks, randomUUID(), goneVersion ?? ""];
      for (let tries = 1; tries <= retryTries; tries++) {
        const answer = await retry(redis, where(id, lane), args);
        if (answer[0] === "accepted" || answer[0] === "refused") return readAdmitted(answer);
        if (answer[0] !== "packed") return { kind: answer[0] };
        await unpackRecord(redis, keys, id);
      }
      throw new Error(`The record of ${id} was packed ${retryTries} times while it was to be queued again.`);
    },

    /** Ends a generation that no worker runs. One that runs, or has images for its next attempt to deliver, is kept. */
    withdraw: (id: string, lane: string, status: "canceled" | "expired") =>
      withdraw(redis, where(id, lane), [id, retention.recordsMs, status]),

    /** Ends a generation that has not begun before its deadline. One with time left, or without a deadline, is kept. */
    expire: (id: string, lane: string) => expire(redis, where(id, lane), [id, retention.recordsMs]),

    /**
     * Ends the retention of a page of a tenant's ended generations, in the order of their submission from `fromMs` on: recovery removes them.
     * `nextMs`: where the next page begins, or null after the last.
     */
    async dropEnded(
      tenant: string,
      fromMs: number,
      limit: number,
    ): Promise<{ dropped: number; nextMs: number | null }> {
      const lists = [keys.index(tenant), keys.retained, keys.root];
      const [dropped, nextMs] = await dropEnded(redis, lists, [fromMs, limit, endedLeftAloneMs, unansweredLeftAloneMs]);
      return { dropped, nextMs: nextMs === -1 ? null : nextMs };
    },

    /** Adds a reply channel to the watchers of a generation, or removes it. */
    watch: (id: string, channel: string) => watch(redis, [keys.record(id)], [channel, "add"]),

    unwatch: (id: string, channel: string) => watch(redis, [keys.record(id)], [channel, "remove"]),
  };
}

export type GenerationStore = ReturnType<typeof createGenerationStore>;
