import type { FastifyInstance } from "fastify";
import { unreachable } from "../../generation/queue-answer.ts";
import type { QueueBoard } from "../../queue-board/queue-board.ts";

/**
 * Runs the board's own script, and shows its own styles and pictures. It may load nothing from another site, send no form, and be shown in no
 * frame.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  // It sets widths and colours in attributes.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const base = "/admin/queues";

/** `GET /admin/queues`: bull-board, in a browser. It is for reading: other methods are refused as on any route. */
export function queueBoardRoutes(app: FastifyInstance, queueBoard: QueueBoard): void {
  for (const url of [base, `${base}/*`]) {
    app.get(url, async (request, reply) => {
      const path = request.url.slice(base.length).replace(/^\//, "");
      const { status, headers, body } = await queueBoard.get(path).catch((error: unknown) => {
        throw unreachable(error);
      });
      return reply
        .code(status)
        .headers({ "cache-control": "no-store", ...headers, "content-security-policy": policy })
        .send(body);
    });
  }
}
