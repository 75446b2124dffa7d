import { createBullBoard } from "@bull-board/api";
import { BullMQAdapter } from "@bull-board/api/bullMQAdapter";
import { FastifyAdapter } from "@bull-board/fastify";
import type { QueueConnection } from "@darkroom/generations";
import { openLaneQueues } from "@darkroom/queue";
import Fastify from "fastify";
import type { BoardAnswer, OpenBoard } from "./queue-board.ts";
import { withoutContents } from "./without-contents.ts";

/** The connection is the board's own, and is closed with it. */
export type OpenBoardOptions = QueueConnection & {
  readLanes: () => Promise<string[]>;
  basePath: string;
};

/** How often an open page asks, in seconds: some ten commands of Redis for each lane. */
const pollEverySeconds = 10;

/**
 * What of the board is answered, by the path without dots that lead elsewhere: its page, its files, the lanes, and a job. What else it has asks
 * Redis for what its user may not do (the connections of workers), or is empty here. An id has an underscore or a point, and no other part of the board has one.
 */
const served = [
  /^$/,
  /^queue\/[^/]+(?:\/[^/]+)?$/,
  /^static\/[\w./-]+$/,
  /^api\/queues$/,
  /^api\/queues\/[^/]+\/(?=[^/]*[._])[\w.-]+$/,
];

/** The page of a job asks for the jobs that it is made of. Jobs of lanes have none, and the board would open another connection to find out. */
const flowOfJob = /^api\/queues\/[^/]+\/([\w.-]+)\/flow$/;

const answerJson = (status: number, body: object): BoardAnswer => ({
  status,
  headers: { "content-type": "application/json; charset=utf-8" },
  body: Buffer.from(JSON.stringify(body)),
});

const notServed = (): BoardAnswer => answerJson(404, { error: "This part of the board is not served." });

/** Opens bull-board over the lanes, in Fastify without a port. */
export async function openBoard({ redis, keys, readLanes, basePath }: OpenBoardOptions): Promise<OpenBoard> {
  const queues = openLaneQueues(redis, keys);
  const serverAdapter = new FastifyAdapter();
  serverAdapter.setBasePath(basePath);
  const board = createBullBoard({
    queues: [],
    serverAdapter,
    options: {
      uiConfig: {
        boardTitle: "Darkroom",
        hideRedisDetails: true,
        hideDocsLink: true,
        // CLIENT LIST for each lane, which the documented rights do not allow.
        showWorkers: false,
        // BullMQ keeps metrics where a worker is told to. Ours are at `/metrics`.
        showMetrics: false,
        pollingInterval: { showSetting: true, forceInterval: pollEverySeconds },
      },
    },
  });
  const app = Fastify();
  await app.register(serverAdapter.registerPlugin(), { prefix: mounted });
  await app.ready();

  return {
    async get(path) {
      // As the board's own Fastify reads it: "static/../api" is "api".
      const { pathname, search } = new URL(`http://board${mounted}/${path}`);
      if (!pathname.startsWith(`${mounted}/`)) return notServed();
      const route = pathname.slice(mounted.length + 1);
      const nodeId = flowOfJob.exec(route)?.[1];
      if (nodeId !== undefined) return answerJson(200, { nodeId, isFlowNode: false, flowRoot: null });
      if (!served.some((pattern) => pattern.test(route))) return notServed();
      const isData = route.startsWith("api/");
      if (isData) {
        const lanes = await readLanes();
        board.setQueues(lanes.map((lane) => new BullMQAdapter(queues.queueOf(lane), { readOnlyMode: true })));
      }
      const answer = await app.inject({ method: "GET", url: pathname + search });
      // Its own answer to an error has a stack trace in it.
      if (answer.statusCode >= 500)
        throw new Error(`The board answered ${answer.statusCode}: ${answer.body.slice(0, 500)}`);
      const headers = { "content-type": answer.headers["content-type"] ?? "application/octet-stream" };
      const body = isData
        ? withoutContents(answer.rawPayload)
        : withoutOtherSites(answer.rawPayload, headers["content-type"]);
      return { status: answer.statusCode, headers, body };
    },

    async close() {
      await app.close();
      await queues.close();
      redis.disconnect();
    },
  };
}

/** Where the board is in its own Fastify. */
const mounted = "/board";

/** Its page asks Google for a font. The policy of the route would keep the browser from that, with a complaint. */
function withoutOtherSites(body: Buffer, type: string): Buffer {
  if (!type.startsWith("text/html")) return body;
  return Buffer.from(body.toString("utf8").replaceAll(/<link\b[^>]*\bhref="https?:[^>]*>/g, ""));
}
