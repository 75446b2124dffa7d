import type { Server } from "node:http";
import { z } from "zod";
import type { ConnectionTurns } from "../http/connection-turns.ts";

/** Files that are neither connections of clients nor read for them: modules, the log, connections to Redis and the object store. */
const reservedFiles = 256;

/** A connection is a file, and its request, one at a time, may read another one. */
const filesPerConnection = 2;

/** More idle ones than these take half a gigabyte. */
const mostConnections = 20_000;

/** How many connections a process takes with so many open files (Infinity: any number), so that it has files left for what it reads. */
export const connectionsWithin = (openFiles: number): number =>
  Math.max(1, Math.min(Math.floor((openFiles - reservedFiles) / filesPerConnection), mostConnections));

const reportSchema = z.object({ userLimits: z.object({ open_files: z.object({ soft: z.unknown() }) }) });

/** How many files this process may have open. Node raises its soft limit to the hard one when it starts. */
export function openFileLimit(): number {
  const { soft } = reportSchema.parse(process.report.getReport()).userLimits.open_files;
  return typeof soft === "number" ? soft : Infinity;
}

/**
 * Cuts answers that their clients do not take: a connection is closed where bytes are due on it and none was taken for `stalledMs`, and at
 * the latest after twice that time. One on which nothing is due, because its request waits for images, stays. To be called before the
 * server listens.
 */
export function cutStalledAnswers(server: Server, turns: Pick<ConnectionTurns, "isBusy">, stalledMs: number): void {
  // Node counts time without activity, and a write that goes on in parts is activity. An idle connection has `keepAliveTimeout`.
  server.setTimeout(stalledMs, (socket) => {
    if (turns.isBusy(socket) && socket.writableLength === 0) return;
    socket.destroy();
  });
}
