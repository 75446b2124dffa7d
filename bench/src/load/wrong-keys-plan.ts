/** Where wrong keys are tried, and how many of them a second. */
export type WrongKeysPlan = { origin: string; perSecond: number };

/** What the process that tries them tells its parent: in the end, how many a second were refused. */
export type WrongKeysMessage = { kind: "done"; perSecond: number } | { kind: "error"; message: string };
