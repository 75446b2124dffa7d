/** The statuses from which nothing moves on its own. */
export const endings = ["succeeded", "failed", "canceled", "expired"] as const;
export type Ending = (typeof endings)[number];

export const isEnding = (status: string): status is Ending => (endings as readonly string[]).includes(status);
