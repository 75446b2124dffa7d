import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

export type ServerAddress = { host: string; port: number };

/** What answers at an address: Redis, a server that speaks TLS, one that speaks something else, or nothing within a second. */
export type Recognized = "redis" | "tls" | "other" | "nothing";

/** A greeting over a local network takes a millisecond; over the worst of links some hundred. */
const answerWithinMs = 1_000;

/**
 * Finds out what listens at an address, for a connection that does not come about and does not say why: a server for plain connections
 * waits for more when it is greeted in TLS, and one for TLS hangs up on plain words.
 */
export async function recognizeServer(address: ServerAddress): Promise<Recognized> {
  const answer = await firstBytes(() => connect(address));
  if (answer !== null) return /^[+-]/.test(answer) ? "redis" : "other";
  return (await speaksTls(address)) ? "tls" : "nothing";
}

/** What a server answers to a ping; null where it answers nothing. */
async function firstBytes(open: () => Socket): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const socket = open();
  socket
    .setTimeout(answerWithinMs, () => resolve(null))
    .once("connect", () => socket.write("PING\r\n"))
    .once("data", (bytes) => resolve(bytes.toString("latin1")))
    .once("error", () => resolve(null))
    .once("close", () => resolve(null));
  const answer = await promise;
  socket.destroy();
  return answer;
}

async function speaksTls({ host, port }: ServerAddress): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  // Nothing is sent: whose certificate it is does not matter here.
  const socket = connectTls({ host, port, rejectUnauthorized: false });
  socket
    .setTimeout(answerWithinMs, () => resolve(false))
    .once("secureConnect", () => resolve(true))
    .once("error", () => resolve(false))
    .once("close", () => resolve(false));
  const speaks = await promise;
  socket.destroy();
  return speaks;
}
