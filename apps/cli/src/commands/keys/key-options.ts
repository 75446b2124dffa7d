import { type Command, InvalidArgumentError, type OptionValues } from "@commander-js/extra-typings";
import type { ApiKey, Budget, Limits } from "@darkroom/contracts";
import { parseDollars } from "../../text/dollars.ts";
import { parseMoment } from "../../text/moments.ts";

/** The options that say what a key may do. `none` takes a limit away. */
export function withKeyOptions<Args extends unknown[], Options extends OptionValues>(command: Command<Args, Options>) {
  return command
    .option("--models <a,b>", "the only models it may use", orNone(parseWords))
    .option("--requests-per-minute <n>", "generations begun in any sixty seconds", orNone(parseCount))
    .option("--images-per-minute <n>", "images asked for in any sixty seconds", orNone(parseCount))
    .option("--concurrent <n>", "generations that were accepted and have not ended", orNone(parseCount))
    .option("--queued <n>", "of those, the ones that no worker has begun", orNone(parseCount))
    .option("--held-requests <n>", "requests held open at one api process: waiting calls, streams", orNone(parseCount))
    .option("--http-requests-per-minute <n>", "requests of any kind in any sixty seconds", orNone(parseCount))
    .option("--stored-files <n>", "uploaded files that its tenant has", orNone(parseCount))
    .option("--stored-bytes <n>", "bytes of those files", orNone(parseCount))
    .option("--unfinished-batch-lines <n>", "lines of batches of its tenant that have not ended", orNone(parseCount))
    .option("--budget-day <dollars>", "the most it may cost in a day of UTC", orNone(parseDollars))
    .option("--budget-month <dollars>", "the most it may cost in a month of UTC", orNone(parseDollars))
    .option("--budget-total <dollars>", "the most it may ever cost", orNone(parseDollars))
    .option("--keep-alive <yes|no>", "whether its plain calls send blanks while they wait", parseFlag)
    .option("--expires <when>", "when it expires: 30d, or 2026-12-31 (that day included)", orNone(parseMoment));
}

/** Commander has no null: what is to go is `none` until it is sent. */
type OrNone<T> = T | "none" | undefined;

export type KeyOptions = {
  models?: OrNone<string[]>;
  requestsPerMinute?: OrNone<number>;
  imagesPerMinute?: OrNone<number>;
  concurrent?: OrNone<number>;
  queued?: OrNone<number>;
  heldRequests?: OrNone<number>;
  httpRequestsPerMinute?: OrNone<number>;
  storedFiles?: OrNone<number>;
  storedBytes?: OrNone<number>;
  unfinishedBatchLines?: OrNone<number>;
  budgetDay?: OrNone<number>;
  budgetMonth?: OrNone<number>;
  budgetTotal?: OrNone<number>;
  keepAlive?: boolean | undefined;
  expires?: OrNone<number>;
};

export type KeyChanges = Partial<Pick<ApiKey, "models" | "expires_at">> & {
  limits?: Partial<Limits> | undefined;
  budget?: Partial<Budget> | undefined;
  keep_alive?: boolean | undefined;
};

/** What the options ask for, as the API takes it. What was not said is undefined, and so is not sent. */
export function keyChanges(options: KeyOptions): KeyChanges {
  const limits = {
    requests_per_minute: orNull(options.requestsPerMinute),
    images_per_minute: orNull(options.imagesPerMinute),
    concurrent_generations: orNull(options.concurrent),
    queued_generations: orNull(options.queued),
    held_requests: orNull(options.heldRequests),
    http_requests_per_minute: orNull(options.httpRequestsPerMinute),
    stored_files: orNull(options.storedFiles),
    stored_bytes: orNull(options.storedBytes),
    unfinished_batch_lines: orNull(options.unfinishedBatchLines),
  };
  const budget = {
    day: orNull(options.budgetDay),
    month: orNull(options.budgetMonth),
    total: orNull(options.budgetTotal),
  };
  return {
    models: orNull(options.models),
    limits: saysSomething(limits) ? limits : undefined,
    budget: saysSomething(budget) ? budget : undefined,
    keep_alive: options.keepAlive,
    expires_at: orNull(options.expires),
  };
}

/** Whether any field of it will be sent. */
export const saysSomething = (fields: object): boolean => Object.values(fields).some((value) => value !== undefined);

const orNone =
  <T>(parse: (text: string) => T) =>
  (text: string): T | "none" =>
    text === "none" ? "none" : parse(text);

const orNull = <T>(value: OrNone<T>): T | null | undefined => (value === "none" ? null : value);

function parseWords(text: string): string[] {
  const words = text.split(",").map((word) => word.trim());
  if (words.includes("")) throw new InvalidArgumentError("Names are separated by commas: a,b.");
  return words;
}

function parseCount(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number.");
}

function parseFlag(text: string): boolean {
  if (text === "yes" || text === "no") return text === "yes";
  throw new InvalidArgumentError("It must be yes or no.");
}
