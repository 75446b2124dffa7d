/** What is wrong with a Redis, and what to do. */
export type RedisFault = {
  /** Follows the server's name: `Redis at host:6379 refuses …. Do this.` */
  predicate: string;
  /**
   * How long a start may hope that it is over by itself, in milliseconds: nothing where an operator has to change a setting, and a while
   * where a Redis, or the network of a container, may be starting up beside us.
   */
  hopeMs: number;
  /** The same for a caller of the service, who knows of no Redis: follows "The queue …". Absent where there is no more to say than that it is away. */
  forCallers?: string;
};

const never = 0;
/** Names of containers and pods resolve as soon as those exist. */
const fewSeconds = 3_000;
const always = Number.POSITIVE_INFINITY;

/** What is found out in more ways than one. */
export const predicates = {
  cluster:
    "runs in Cluster mode, in which all keys of Darkroom must be in one slot. Write QUEUE_PREFIX in braces, {darkroom}, or use a Redis " +
    "with cluster-enabled no.",
  notRedis: "is not a Redis server: what answers there speaks another protocol. Correct host and port in REDIS_URL.",
  withoutTls: "does not speak TLS there. Write redis:// in REDIS_URL, or name the port for TLS.",
  wantsTls: "wants TLS. Write rediss:// in REDIS_URL.",
  loading: "is still loading its data. Wait until it has.",
};

const cluster: RedisFault = { predicate: predicates.cluster, hopeMs: never };

const moves: RedisFault = {
  predicate: "gives the slot of QUEUE_PREFIX to another node of its cluster. Wait: the connections follow it.",
  hopeMs: always,
};

const unknownAuthority: RedisFault = {
  predicate:
    "has a certificate of an authority that is not known here. Name the file of that authority in NODE_EXTRA_CA_CERTS.",
  hopeMs: never,
};

const unreachable: RedisFault = {
  predicate:
    "cannot be reached: the network brings no answer. Check host and port in REDIS_URL, and firewalls in between.",
  hopeMs: always,
};

export const hangsUp: RedisFault = {
  predicate: "hangs up before it has answered. Check host, port and scheme in REDIS_URL, and the log of Redis.",
  hopeMs: always,
};

const noRights: RedisFault = {
  predicate:
    "does not give its user the rights that Darkroom needs: on every key and channel that begins with QUEUE_PREFIX, and to the commands. " +
    "For the prefix darkroom: ACL SETUSER name ~darkroom:* &darkroom:* +@all -@admin -@dangerous +info.",
  hopeMs: never,
  forCallers: "refuses this service, which lacks a right",
};

/** By the first word of an answer of Redis (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors). */
const replies: Readonly<Record<string, RedisFault>> = {
  NOAUTH: {
    predicate: "wants a password, and REDIS_URL has none. Write it there: redis://:password@host:port.",
    hopeMs: never,
  },
  WRONGPASS: {
    predicate:
      "refuses the user name or the password in REDIS_URL. Correct them there, with all but letters and digits percent-encoded.",
    hopeMs: never,
  },
  NOPERM: noRights,
  READONLY: {
    predicate: "is a read-only replica. Name its primary in REDIS_URL.",
    hopeMs: never,
  },
  MASTERDOWN: {
    predicate: "is a replica that has lost its primary. Name the primary in REDIS_URL.",
    hopeMs: never,
  },
  DENIED: {
    predicate:
      "is in protected mode, in which it serves its own machine only. Give it a password, or set protected-mode no where its network is safe.",
    hopeMs: never,
  },
  CROSSSLOT: cluster,
  MOVED: moves,
  ASK: moves,
  TRYAGAIN: moves,
  CLUSTERDOWN: {
    predicate:
      "is a cluster in which no node serves the slot of QUEUE_PREFIX. Wait until a replica has taken over, or start the node that owns it.",
    hopeMs: always,
  },
  OOM: {
    predicate:
      "has no memory left and takes no writes. Raise its maxmemory, or wait until some of what it holds has ended.",
    hopeMs: always,
    forCallers: "is full: it has no memory left",
  },
  MISCONF: {
    predicate:
      "cannot save to its disk, and takes no writes until it can. Its own log says why: a full disk as a rule.",
    hopeMs: always,
    forCallers: "cannot save to its disk, which is full or broken",
  },
  NOREPLICAS: {
    predicate:
      "has fewer replicas than its min-replicas-to-write and takes no writes. Start them, or lower the number.",
    hopeMs: always,
    forCallers: "has lost the replicas without which it takes no writes",
  },
  LOADING: { predicate: predicates.loading, hopeMs: always },
  BUSY: { predicate: "is held up by a script that runs too long. SCRIPT KILL ends it.", hopeMs: always },
};

/** By Node's code. */
const codes: Readonly<Record<string, RedisFault>> = {
  ECONNREFUSED: {
    predicate: "refuses the connection: nothing listens there. Start it, or correct host and port in REDIS_URL.",
    hopeMs: always,
  },
  ENOTFOUND: {
    predicate: "cannot be found: its host name does not resolve. Correct it in REDIS_URL, or in the DNS.",
    hopeMs: fewSeconds,
  },
  EAI_AGAIN: {
    predicate: "cannot be found: no DNS server answers. Check the network of this machine.",
    hopeMs: fewSeconds,
  },
  ETIMEDOUT: unreachable,
  EHOSTUNREACH: unreachable,
  ENETUNREACH: unreachable,
  ECONNRESET: hangsUp,
  EPIPE: hangsUp,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  CERT_HAS_EXPIRED: { predicate: "has a certificate that has expired. Renew it.", hopeMs: never },
  CERT_NOT_YET_VALID: {
    predicate: "has a certificate that is not valid yet. Check the clocks of both machines.",
    hopeMs: never,
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    predicate: "has a certificate for another name. Use a name in REDIS_URL that it is made out for.",
    hopeMs: never,
  },
};

/** What has no code, or one of many, by its message. */
const messages: readonly (readonly [RegExp, RedisFault])[] = [
  // ioredis, of Sentinels. One that is just starting may not know yet what the others do.
  [
    /to sentinel \S+ because ERR No such master/,
    {
      predicate:
        'is not known to them by that name. Write the name that follows "sentinel monitor" at the end of REDIS_URL.',
      hopeMs: fewSeconds,
    },
  ],
  [
    /to sentinel \S+ because (NOAUTH|WRONGPASS|NOPERM)/,
    {
      predicate:
        "cannot be asked for: the Sentinels refuse the user or the password. Write them at the end of REDIS_URL: " +
        "?sentinel_username=…&sentinel_password=….",
      hopeMs: fewSeconds,
    },
  ],
  [
    /^All sentinels are unreachable|^failed to connect to sentinel/,
    {
      predicate: "cannot be found: no Sentinel answers. Start them, or correct their hosts and ports in REDIS_URL.",
      hopeMs: always,
    },
  ],
  // Of what a script does Redis says it in other words, before 7.2 as a mere ERR.
  [/user executing the script can't|ACL failure in script/, noRights],
  [
    /^ERR max number of clients reached/,
    { predicate: "has as many clients as its maxclients allows. Raise it, or close some.", hopeMs: always },
  ],
  // As a Redis before 6 says it.
  [/^ERR invalid password/, { predicate: "refuses the password in REDIS_URL. Correct it there.", hopeMs: never }],
  [
    // ioredis, of bytes that no Redis sends.
    /^Unknown RESP type|^Protocol error/,
    { predicate: predicates.notRedis, hopeMs: never },
  ],
  [
    /wrong version number|packet length too long|record layer failure/,
    { predicate: predicates.withoutTls, hopeMs: never },
  ],
  [
    /alert certificate required|alert handshake failure|alert bad certificate/,
    {
      predicate: "wants a certificate of its clients, which Darkroom does not send. Set tls-auth-clients no.",
      hopeMs: never,
    },
  ],
];

/** What an error of a connection to Redis, or an answer of Redis, means; undefined where it is unknown. */
export function explainRedisError(error: Error): RedisFault | undefined {
  const { message } = error;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  const reply = error.name === "ReplyError" ? message.split(" ", 1)[0] : undefined;
  return (
    (reply === undefined ? undefined : replies[reply]) ??
    codes[code] ??
    messages.find(([pattern]) => pattern.test(message))?.[1]
  );
}

/** What a caller may be told of an answer of Redis that is an error: follows "The queue …". Undefined where it is like one that is away. */
export function tellRedisError(error: unknown): string | undefined {
  return error instanceof Error && error.name === "ReplyError" ? explainRedisError(error)?.forCallers : undefined;
}

/**
 * What an answer of Redis that is an error means and what to do, as a sentence for the log. Undefined for all other errors: those of
 * connections may be of any server.
 */
export function adviseOnRedis(error: Error): string | undefined {
  if (error.name !== "ReplyError") return undefined;
  const fault = explainRedisError(error);
  return fault && `Redis ${fault.predicate}`;
}
