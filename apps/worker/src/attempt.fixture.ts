import type { Attempt, Delivery, GenerationRecord, MissingImage } from "@darkroom/generations";

type RecordOptions = {
  n?: number;
  parameters?: GenerationRecord["upstream"]["parameters"];
  delivery?: Delivery | null;
  missing?: readonly MissingImage[];
};

/** A running generation of `n` images. */
export const aRecord = ({ n = 1, parameters, delivery = null, missing = [] }: RecordOptions): GenerationRecord => ({
  id: "gen_1",
  tenant: "acme",
  keyId: "k",
  lane: "fake.interactive",
  model: "m",
  batchId: null,
  lineIndex: null,
  request: { prompt: "a cat", n },
  upstream: { model: "m", parameters: { n, ...parameters } },
  status: "running",
  createdAtMs: 0,
  queuedAtMs: 0,
  startedAtMs: 0,
  endedAtMs: null,
  expiresAtMs: null,
  resumesAtMs: null,
  version: 2,
  attempts: 1,
  failures: 0,
  handbacks: 0,
  rateLimits: 0,
  brokenOffAttempt: null,
  calls: [],
  stopped: false,
  open: false,
  delivery,
  superseded: [],
  missing: [...missing],
  error: null,
  terms: null,
  reservedMicros: null,
  costMicros: null,
  inDoubt: false,
  trace: null,
  billUndelivered: "none",
});

/** An attempt at it whose notes are taken and forgotten. */
export const anAttempt = (over: Partial<Attempt> = {}): Attempt => ({
  record: aRecord({}),
  signal: new AbortController().signal,
  mayRepeat: false,
  exhausted: null,
  checkpoint: async () => true,
  noteCall: async () => true,
  showPartial: async () => true,
  ...over,
});
