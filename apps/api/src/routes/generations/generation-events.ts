import { Readable } from "node:stream";
import { isEnding } from "@darkroom/contracts";
import type { Logger } from "@darkroom/runtime";
import type { GenerationRecord } from "@darkroom/generations";
import type { FastifyInstance } from "fastify";
import type { Drain } from "../../drain.ts";
import type { Disconnects } from "../../generation/cancel-on-disconnect.ts";
import type { FindGeneration } from "../../generation/find-generation.ts";
import { followRead } from "../../generation/follow-answer.ts";
import { type Interruption, limitWait } from "../../generation/wait-for-ending.ts";
import type { RenderGeneration } from "../../generation/render-generation.ts";
import { type GenerationWatch, watchGeneration } from "../../generation/watch-generation.ts";
import { accountOf } from "../../http/authenticate.ts";
import { eventStreamHeaders, formatEvent, heartbeat } from "../../http/event-stream.ts";
import type { Heartbeats } from "../../http/sse-heartbeat.ts";
import { type HeldRequests, keyStopped } from "../../limits/held-requests.ts";
import type { LoadShedder } from "../../limits/load-shedder.ts";
import type { Queue } from "../../open-queue.ts";

export type GenerationEventsDependencies = {
  queue: Pick<Queue, "generations" | "waits">;
  findGeneration: FindGeneration;
  renderGeneration: RenderGeneration;
  drain: Drain;
  heldRequests: HeldRequests;
  heartbeats: Heartbeats;
  disconnects: Pick<Disconnects, "leave">;
  loadShedder: Pick<LoadShedder, "holdOrRefuse">;
  log: Logger;
};

type Follow = {
  /** The version that the reader knows. */
  seen: number;
  watch: GenerationWatch;
  interrupted: Promise<Interruption>;
  /** Called when the ending was told. */
  told: (ended: GenerationRecord) => void;
};

/**
 * `GET /v1/generations/{id}/events`: the generation now, and again whenever its state has changed, until it has ended. An event's id is
 * the version that it shows; who comes back with `Last-Event-ID` is told only what is newer. It ends with the event `error` when the
 * reader's key is in force no more.
 */
export function generationEventsRoute(app: FastifyInstance, dependencies: GenerationEventsDependencies): void {
  const { queue, findGeneration, renderGeneration, drain, disconnects, loadShedder, heldRequests, heartbeats, log } =
    dependencies;

  app.route<{ Params: { id: string } }>({
    method: "GET",
    url: "/v1/generations/:id/events",
    // The head of an endless answer has no use of its own.
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const { tenant } = accountOf(request);
      const record = await findGeneration(tenant, request.params.id);
      request.facts.generationId = record.id;
      heldRequests.holdOrRefuse(request, reply.raw);
      loadShedder.holdOrRefuse(reply.raw);
      reply.headers({ ...eventStreamHeaders, "x-generation-id": record.id });
      const seen = lastVersion(request.headers["last-event-id"]);
      // By the specification of event streams 204 is how a reader is told not to come again.
      if (isEnding(record.status) && seen >= record.version) {
        return reply.code(204).removeHeader("content-type").send();
      }
      const watch = await watchGeneration(queue, record.id);
      const limit = limitWait({ response: reply.raw, drain, heldRequests, kind: "stream" });
      const told = (ended: GenerationRecord) => followRead(reply.raw, ended, disconnects);
      const stream = Readable.from(events(record, { seen, watch, interrupted: limit.interrupted, told }), {
        objectMode: false,
      });
      stream.once("close", () => {
        limit.release();
        watch.close();
      });
      stream.once("error", (error) =>
        log.warn({ generationId: record.id, err: error }, "A stream of events broke off"),
      );
      return reply.send(stream);
    },
  });

  /** Nothing is made ready ahead of a reader who is slow: changes that come meanwhile are one event, which shows the last of them. */
  async function* events(
    { id, tenant }: GenerationRecord,
    { seen, watch, interrupted, told }: Follow,
  ): AsyncGenerator<string> {
    const alive = heartbeats.begin();
    let shown = seen;
    // So that the head of the answer goes out though there may be nothing to tell yet.
    yield heartbeat;
    for (;;) {
      const record = await findGeneration(tenant, id);
      if (record.version > shown) {
        shown = record.version;
        const data = await renderGeneration(record);
        yield formatEvent({ event: `generation.${record.status}`, id: String(shown), data });
      }
      if (isEnding(record.status)) {
        told(record);
        return;
      }
      const interruption = yield* alive.until(Promise.race([watch.changed(), interrupted]));
      if (interruption === "stopped") {
        yield `event: error\ndata: ${JSON.stringify({ error: keyStopped(id).toObject() })}\n\n`;
      }
      if (interruption !== undefined) return;
    }
  }
}

/** Versions count from 1; what is no version is as if nothing had been seen. */
const lastVersion = (header: string | string[] | undefined): number =>
  typeof header === "string" && /^\d{1,9}$/.test(header) ? Number(header) : 0;
