/** Where wrong keys are tried, how many of them a second, and over how many connections, each of which waits for its answers. */
export type WrongKeysPlan = { origin: string; perSecond: number; connections: number };

/** What the process that tries them tells its parent: in the end, how many a second were refused. */
export type WrongKeysMessage = { kind: "done"; perSecond: number } | { kind: "error"; message: string };
