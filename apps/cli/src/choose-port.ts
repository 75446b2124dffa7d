import getPort, { portNumbers } from "get-port";
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
  const wanted = asked === undefined ? [...portNumbers(usualPort, lastPort)] : [asked];
  const port = await firstFree(host, wanted);
  if (port !== undefined) return asked === undefined && port !== usualPort ? { port, insteadOf: usualPort } : { port };
  throw new Problem(
    asked === undefined
      ? `No port between ${usualPort} and ${lastPort} is free on ${host}. Set PORT to one that is.`
      : `Port ${asked} on ${host} is taken or not allowed. Set PORT to another one, or leave it out and a free one is found.`,
  );
}

/** A free port on the loopback address: the preferred one if it is free. */
export const chooseLoopbackPort = (preferred?: number): Promise<number> =>
  getPort({ host: "127.0.0.1", ...(preferred !== undefined && { port: preferred }) });

/** The first of these ports that can be had on a host; undefined where none can, or where this machine does not have the host. */
async function firstFree(host: string, wanted: readonly number[]): Promise<number | undefined> {
  // Where none is free `getPort` answers with some other port.
  const port = await getPort({ host, port: wanted }).catch(() => undefined);
  return port !== undefined && wanted.includes(port) ? port : undefined;
}
