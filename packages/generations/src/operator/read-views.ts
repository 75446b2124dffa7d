import type { Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { unpackFields } from "../packing/pack-record.ts";
import { isUnreadableRecord } from "../records/unreadable-record.ts";
import { decodeOperatorView, operatorFields, type OperatorView } from "./operator-view.ts";

/** One generation for its operator; null where there is no record. Throws where this release cannot read it: see `isUnreadableRecord`. */
export async function readView(redis: Redis, keys: Pick<Keys, "record">, id: string): Promise<OperatorView | null> {
  const values = await redis.hmget(keys.record(id), ...operatorFields, "packed");
  const fields = fieldsOf([...operatorFields, "packed"], values);
  if (fields["packed"] === undefined) return decodeOperatorView(fields, id);
  return decodeOperatorView(unpackFields(id, await redis.hgetallBuffer(keys.record(id))), id);
}

/**
 * Generations that have not ended, in the order of their ids, in one round trip; null for one that is gone, or that this release cannot
 * read. One that is damaged hides no other.
 */
export async function readViews(
  redis: Redis,
  keys: Pick<Keys, "record">,
  ids: readonly string[],
): Promise<(OperatorView | null)[]> {
  return Promise.all(
    ids.map((id) =>
      // In one turn, so that they go to Redis together.
      readView(redis, keys, id).catch((error: unknown) => {
        if (isUnreadableRecord(error)) return null;
        throw error;
      }),
    ),
  );
}

const fieldsOf = (names: readonly string[], values: readonly (string | null)[]): Record<string, string> =>
  Object.fromEntries(names.flatMap((name, i) => (values[i] == null ? [] : [[name, values[i]]])));
