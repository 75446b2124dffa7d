import { setTimeout as pause } from "node:timers/promises";
import { request } from "undici";
import { darkroomKeys } from "../open-submitter.ts";
import { cpuMicros } from "../process-facts.ts";
import { readRedis } from "../redis-meter.ts";
import type { System } from "../systems/system.ts";

/** Until the record of every generation that has ended is in the form in which it is kept. */
export async function untilCompressed({ redis }: System): Promise<void> {
  for (;;) {
    const ids = await redis.zrange(darkroomKeys.retained, "0", "-1");
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hexists(darkroomKeys.record(id), "packed");
    const answers = (await pipeline.exec()) ?? [];
    if (answers.every(([, isPacked]) => isPacked === 1)) return;
    await pause(1_000);
  }
}

/** What a stack had done and has at a moment. */
export async function readSystem({ redis, workers, apis }: System) {
  const info = await redis.info("everything");
  const field = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, "m").exec(info)?.[1]);
  const metrics = await Promise.all(
    workers.map(async ({ origin }) => (await request(`${origin}/metrics`)).body.text()),
  );
  const sumOf = (name: string) =>
    metrics.reduce((sum, text) => sum + Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, "m").exec(text)?.[1] ?? 0), 0);
  const [api] = apis;
  const { commands, cpuMicros: redisMicros } = await readRedis(redis);
  return {
    commands,
    cpuMicros: redisMicros,
    /** Of what is stored: without buffers of connections and of the append-only file, and without the texts of scripts. */
    dataBytes:
      field("used_memory") - field("mem_clients_normal") - field("mem_aof_buffer") - field("used_memory_scripts"),
    // One is that of the bench.
    connections: field("connected_clients") - 1,
    apiMicros: api === undefined ? 0 : await cpuMicros(api.pid),
    waitSeconds: sumOf("darkroom_queue_wait_seconds_sum"),
    waitCount: sumOf("darkroom_queue_wait_seconds_count"),
    // From the submission to the ending, the wait included.
    durationSeconds: sumOf("darkroom_generation_duration_seconds_sum"),
  };
}
