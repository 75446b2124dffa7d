/** A process that holds event streams and long polls of one generation, as many as it is given. */
import { connect, type Socket } from "node:net";

export type HoldPlan = {
  origin: string;
  /** The header of the key. */
  authorization: string;
  /** Of the generation. */
  path: string;
  /** How many it asks for. */
  lines: number;
};

/** What it says when it has asked for all, and again when it stops. */
export type HoldTold = { held: number; refused: number };

/** So many at a time at first: more do not fit in the kernel's queue of a server. */
const atOnce = 200;
/** Then it goes on asking for what was refused. Requests as such are what other neighbours send. */
const againPerSecond = 100;

process.once("message", (plan: HoldPlan) => void hold(plan));

async function hold({ origin, authorization, path, lines }: HoldPlan): Promise<void> {
  const { hostname, port } = new URL(origin);
  const open = new Set<Socket>();
  let refused = 0;
  let asked = 0;

  const failures = new Set<string>();
  const head = (line: string, more: string) =>
    `GET ${line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ${authorization}\r\n${more}\r\n`;
  const requests = [head(`${path}/events`, ""), head(path, "Prefer: wait=60\r\n")];

  /** Resolves when the line is held, or was refused. A poll that is silent for a while is held. */
  function ask(): Promise<void> {
    const request = requests[asked++ % requests.length] ?? "";
    const { promise, resolve } = Promise.withResolvers<void>();
    const socket = connect(Number(port), hostname, () => socket.write(request));
    open.add(socket);
    const silent = setTimeout(resolve, 1_000);
    socket.on("data", () => {});
    socket.once("data", (data: Buffer) => {
      resolve();
      const status = data.toString("latin1", 9, 12);
      if (status === "200") return;
      if (status === "429") refused++;
      else failures.add(data.toString("latin1", 0, 1_000));
      socket.destroy();
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      clearTimeout(silent);
      open.delete(socket);
      resolve();
    });
    return promise;
  }

  for (let left = lines; left > 0; left -= atOnce) {
    await Promise.all(Array.from({ length: Math.min(atOnce, left) }, ask));
  }
  const tell = () => {
    const [failure] = failures;
    if (failure !== undefined) throw new Error(`A line was answered with ${failure}`);
    process.send?.({ held: open.size, refused } satisfies HoldTold);
  };
  tell();
  const again = setInterval(() => {
    for (let i = 0; i < againPerSecond / 10 && open.size < lines; i++) void ask();
  }, 100);
  process.once("message", () => {
    clearInterval(again);
    tell();
    for (const socket of open) socket.destroy();
    process.disconnect?.();
  });
}
