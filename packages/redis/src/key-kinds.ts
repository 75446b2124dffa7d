/**
 * Every kind of key in Redis: the word behind the prefix, and the type as TYPE answers it. The factories of the packages say what each
 * holds: `createKeys` here, `createRedisKeys` and `createLedgerKeys` in `@darkroom/accounts`, `createFileKeys` in `@darkroom/files`. Those
 * that only scripts use are told in their headers. A test holds this table, the factories and the scripts together.
 */
export const keyTypes = {
  // Generations
  generation: "hash",
  forgotten: "hash",
  partials: "list",
  tombstones: "hash",
  expired: "string",
  "former-place": "string",
  index: "zset",
  claim: "string",
  attached: "string",
  unanswered: "zset",
  released: "string",
  waiters: "set",
  instances: "zset",
  "instances-returning": "string",
  queued: "zset",
  running: "zset",
  expiring: "zset",
  retained: "zset",
  "packed-until": "string",
  "tenant-memory": "hash",
  // What could not be dealt with
  quarantine: "hash",
  "quarantine-seen": "zset",
  // Replication
  replicated: "string",
  // Background tasks
  "task-leases": "hash",
  "task-workers": "hash",
  // The fleet
  process: "hash",
  processes: "zset",
  "drained-lanes": "hash",
  "lane-services": "hash",
  // Lanes
  pending: "hash",
  ranks: "hash",
  starts: "string",
  refusals: "string",
  backoff: "hash",
  // Deployments
  deployment: "hash",
  "deployment-calls": "zset",
  "deployment-asked": "string",
  "deployment-line": "string",
  // The audit
  audit: "hash",
  "audit-sums": "hash",
  "audit-memory": "hash",
  "audit-differences": "hash",
  "audit-differences-before": "hash",
  // Webhooks
  outbox: "zset",
  delivery: "hash",
  deliveries: "zset",
  "delivery-index": "zset",
  "delivery-tenants": "zset",
  "delivery-origins": "zset",
  "delivery-queue": "zset",
  "delivery-ranks": "hash",
  "address-off": "string",
  "address-hung": "string",
  // Batches
  batch: "hash",
  catalogue: "string",
  "batch-ended": "list",
  "batch-lines": "set",
  "batch-claim": "string",
  "batch-bodies": "list",
  "batch-creations": "list",
  "batch-index": "zset",
  "batches-active": "zset",
  "batches-ended": "zset",
  "batches-feeding": "zset",
  // API keys and their accounts
  key: "hash",
  keys: "zset",
  "keys-changes": "string",
  "key-names": "hash",
  "key-index": "zset",
  "keys-deleted": "zset",
  account: "hash",
  "account-window": "list",
  "account-requests": "list",
  "tenant-use": "hash",
  "tenant-use-due": "zset",
  // The ledger
  ledger: "list",
  "ledger-days": "set",
  "ledger-export": "hash",
  usage: "hash",
  "usage-tenants": "set",
  "usage-rebuild": "hash",
  // Files
  file: "hash",
  files: "zset",
  "files-expiring": "zset",
  "files-dropping": "zset",
} as const;

/** Names that are no keys of one type: all that BullMQ keeps, Pub/Sub channels, and the key of a trial write, which is each in turn. */
const otherKinds = ["lane", "replies", "cancels", "waiting-deliveries", "probe"] as const;

type KeyKind = keyof typeof keyTypes | (typeof otherKinds)[number];

/**
 * Returns the function that makes names in Redis for one installation: `darkroom:index:acme` for the kind `index` and the part `acme`. All
 * names are made by it, in all packages. Scripts are given the root `darkroom:` and make the same names of it.
 */
export const keyNames =
  (prefix: string) =>
  (kind: KeyKind, ...parts: string[]): string =>
    [prefix, kind, ...parts].join(":");
