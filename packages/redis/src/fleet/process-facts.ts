import { z } from "zod";

/** One lane of a worker. */
const laneSlotsSchema = z.object({
  lane: z.string(),
  /** Jobs that the worker runs at a time. */
  concurrency: z.int(),
  /** Jobs that it runs now. */
  active: z.int(),
  /** Whether it fetches no jobs at the moment, because it could not store images. */
  paused: z.boolean(),
  /** How long a job holds its slot, in whole milliseconds; null where none has ended yet. */
  serviceMs: z.int().nullable().default(null),
});

/** What a process says of itself with each heartbeat. It has no prompt and no key. */
export const processFactsSchema = z.object({
  kind: z.enum(["api", "worker"]),
  host: z.string(),
  pid: z.int(),
  /** The release, as in `package.json`. */
  version: z.string(),
  /** Whether it takes new work. */
  state: z.enum(["running", "draining"]),
  /** Jobs that a worker runs, or requests that an api holds open until an answer is there. */
  active: z.int(),
  /** None for an api. */
  lanes: z.array(laneSlotsSchema),
  /** What a worker tells of its deployments file; absent where it has none. `@darkroom/deployments` reads it. */
  deployments: z.unknown().optional(),
});
export type ProcessFacts = z.input<typeof processFactsSchema>;

/** Read beside the facts: a process of an earlier release does not tell it. */
export const clockAheadSchema = z.coerce.number().int().default(0);

/** A process of the fleet, as of its latest heartbeat. */
export type FleetProcess = z.output<typeof processFactsSchema> & {
  name: string;
  /** When it was started, and its latest heartbeat, in Unix milliseconds by the clock of Redis. */
  sinceMs: number;
  seenAtMs: number;
  /** By how many milliseconds the clock of its machine is ahead of the clock of Redis, as far as that is certain; negative for one that is behind. */
  clockAheadMs: number;
  /** Whether the operator has asked it to stop. */
  isAskedToDrain: boolean;
};
