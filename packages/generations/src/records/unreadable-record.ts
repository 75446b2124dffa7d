import { isDamage } from "@darkroom/redis";

/**
 * A record that this release cannot read: another release wrote it, before a rollback or during a deployment, or it is damaged. The
 * generation, or the batch, is kept, because a release that can read it may still run it.
 */
export class UnreadableRecord extends Error {
  override readonly name = "UnreadableRecord";
  readonly id: string;

  constructor(id: string, cause: unknown) {
    super(`The record of ${id} cannot be read by this release.`, { cause });
    this.id = id;
  }
}

/** Whether a record could not be read for what is stored, and not for Redis: another release wrote it, or it is of another type. */
export const isUnreadableRecord = (error: unknown): boolean => error instanceof UnreadableRecord || isDamage(error);
