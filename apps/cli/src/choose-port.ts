import { createServer } from "node:net";
import { Problem } from "./problem.ts";

/** The documented port of the api, and how far we look when something else has it. */
const usualPort = 4000;
const lastPort = 4099;

export type ChosenPort = {
  port: number;
  /** Set when the usual port was taken: the caller tells the person. */
  insteadOf?: number;
};

/** The api's port: exactly the one asked for, else the first free one from 4000 on. */
export async function chooseApiPort(host: string, asked: number | undefined): Promise<ChosenPort> {
  if (asked !== undefined) {
    if (await isFree(host, asked)) return { port: asked };
    throw new Problem(
      `Port ${asked} on ${host} is taken or not allowed. Set PORT to another one, or leave it out and a free one is found.`,
    );
  }
  for (let port = usualPort; port <= lastPort; port += 1) {
    if (await isFree(host, port)) return port === usualPort ? { port } : { port, insteadOf: usualPort };
  }
  throw new Problem(`No port between ${usualPort} and ${lastPort} is free on ${host}. Set PORT to one that is.`);
}

/** A port on the loopback address that nobody uses: the preferred one if it is free. */
export async function chooseLoopbackPort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await isFree("127.0.0.1", preferred))) return preferred;
  return (await listenOnce("127.0.0.1", 0)) ?? Promise.reject(new Problem("This machine has no free port left."));
}

async function isFree(host: string, port: number): Promise<boolean> {
  return (await listenOnce(host, port)) !== undefined;
}

/** Binds and lets go again: the only honest test. Returns the port, or undefined when it cannot be had. */
function listenOnce(host: string, port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}
