import { connect, type Socket } from "node:net";
import { newApiKey } from "@darkroom/accounts";
import type { WrongKeysMessage, WrongKeysPlan } from "./wrong-keys-plan.ts";

/**
 * Requests with wrong keys: a process of its own that sends prepared bytes at a steady rate and counts the answers, and no more than
 * that, so that on a machine of two cores the service is what works. It begins with its plan and ends when its parent says "stop".
 */
const keys = 2_000;

/** Requests are sent in small groups this often. */
const tickMs = 2;

function run({ origin, perSecond, connections }: WrongKeysPlan): void {
  const { hostname, port, host } = new URL(origin);
  const requests = Array.from({ length: keys }, () =>
    Buffer.from(`GET /v1/models HTTP/1.1\r\nhost: ${host}\r\nauthorization: Bearer ${newApiKey()}\r\n\r\n`),
  );
  const refusal = Buffer.from("HTTP/1.1 401 ");
  let answered = 0;
  let sent = 0;
  const sockets: Socket[] = Array.from({ length: connections }, () => {
    const socket = connect(Number(port), hostname);
    socket.setNoDelay(true);
    socket.on("data", (bytes: Buffer) => {
      for (let at = bytes.indexOf(refusal); at >= 0; at = bytes.indexOf(refusal, at + 1)) answered++;
    });
    socket.once("error", (error) => tell({ kind: "error", message: String(error) }));
    return socket;
  });
  const startedAtMs = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAtMs) * perSecond) / 1_000;
    // No more under way than there are connections: a service that cannot keep up gets as many as it can answer.
    for (; sent < due && sent - answered < connections; sent++) {
      sockets[sent % connections]?.write(requests[sent % keys] ?? "");
    }
  }, tickMs);
  process.once("message", () => {
    clearInterval(timer);
    tell({ kind: "done", perSecond: Math.round((answered * 1_000) / (performance.now() - startedAtMs)) });
    for (const socket of sockets) socket.destroy();
    process.disconnect?.();
  });
}

const tell = (message: WrongKeysMessage): void => void process.send?.(message);

process.once("message", run);
process.once("disconnect", () => process.exit(0));
