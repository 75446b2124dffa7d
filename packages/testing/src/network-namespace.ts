import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";

const run = promisify(execFile);
const ip = async (...args: string[]): Promise<unknown> => run("ip", args);

/** Whether this machine lets us make network namespaces: Linux, as root, with iproute2. */
export function canCutOff(): boolean {
  const name = `dr-probe-${process.pid}`;
  if (spawnSync("ip", ["netns", "add", name]).status !== 0) return false;
  return spawnSync("ip", ["netns", "del", name]).status === 0;
}

export type NetworkNamespace = {
  /** The address of what runs outside, as seen from within. */
  outside: string;
  /** The address of what runs within, as seen from outside. */
  inside: string;
  /** Begins a command that shall run within. */
  launcher: readonly string[];
  /** Takes the cable out: packets are dropped without a word, and connections stay. */
  cut: () => Promise<void>;
  /** Takes the namespace away, once nothing runs in it. */
  close: () => Promise<void>;
};

/** A network of its own for one program, joined to this machine's by a cable that can be taken out. */
export async function openNetworkNamespace(): Promise<NetworkNamespace> {
  const [a = 0, b = 0, c = 0] = randomBytes(3);
  const name = `dr-${a.toString(16)}${b.toString(16)}${c.toString(16)}`;
  const [outer, inner] = [`${name}-o`, `${name}-i`];
  // From the addresses for measurements of networks (RFC 2544), which no network uses.
  const network = `198.${18 + (a & 1)}.${b}.${c & 0xfc}`.split(".").map(Number);
  const at = (host: number) => [...network.slice(0, 3), (network[3] ?? 0) + host].join(".");
  const [outside, inside] = [at(1), at(2)];
  await ip("netns", "add", name);
  await ip("link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name);
  await ip("address", "add", `${outside}/30`, "dev", outer);
  await ip("link", "set", outer, "up");
  await ip("-n", name, "address", "add", `${inside}/30`, "dev", inner);
  await ip("-n", name, "link", "set", inner, "up");
  await ip("-n", name, "link", "set", "lo", "up");
  return {
    outside,
    inside,
    launcher: ["ip", "netns", "exec", name],
    cut: async () => void (await ip("-n", name, "link", "set", inner, "down")),
    close: async () => void (await ip("netns", "del", name)),
  };
}
