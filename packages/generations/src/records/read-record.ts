import type { Keys } from "@darkroom/redis";
import type { Redis } from "ioredis";
import { unpackFields } from "../packing/pack-record.ts";
import { decodeRecord, type GenerationRecord } from "./generation-record.ts";

/** Reads the record of a generation; null where there is none. Throws `UnreadableRecord`. */
export async function readRecord(redis: Redis, keys: Keys, id: string): Promise<GenerationRecord | null> {
  return decodeRecord(unpackFields(id, await redis.hgetallBuffer(keys.record(id))));
}
