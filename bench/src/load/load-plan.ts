/** One address to load, and the request that is sent to it again and again. */
export type Target = {
  /** What its answers are counted under; several targets may share a name. */
  name: string;
  origin: string;
  /** `POST /v1/images/generations` where nothing is said. */
  method?: "GET";
  path?: string;
  headers: Record<string, string>;
  body: string | null;
};

/** How requests are sent, spread over the targets in turn. */
export type LoadPlan = {
  targets: readonly Target[];
  /** Requests before the measurement, which are not counted. */
  warmUp: number;
  /** Requests of the measurement. */
  count: number;
  /** After this no new request is sent, in milliseconds. */
  atMostMs: number;
  /**
   * `callers`: so many callers, each with a connection of its own and its next request as soon as the last is answered.
   * `perSecond`: requests at fixed times, whether or not earlier ones are answered, as many independent clients send them.
   */
  pace: { callers: number } | { perSecond: number };
};

/** Latencies in milliseconds, from the moment at which a request is handed to its connection to the end of its answer. */
export type LoadResult = {
  name: string;
  answered: number;
  /** Requests that were answered with another status than 200 or 202, or not at all. */
  failed: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
};

/** What the load generator, a process of its own, tells its parent. */
export type LoadMessage =
  | { kind: "warm" }
  | { kind: "done"; results: LoadResult[]; elapsedMs: number }
  | { kind: "error"; message: string };
