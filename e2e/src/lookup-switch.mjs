// Loaded into a process before its own code (`node --import`): names that end in `.switched` are those of this machine, and resolve to
// nothing while the file LOOKUPS_FAIL_WHILE exists.
import dns from "node:dns";
import { existsSync } from "node:fs";

const { lookup } = dns;

/** @param {unknown[]} args the name, perhaps options, and whom to tell */
const switchedLookup = (...args) => {
  const [name, ...rest] = args;
  if (!String(name).endsWith(".switched")) return Reflect.apply(lookup, dns, args);
  if (!existsSync(process.env.LOOKUPS_FAIL_WHILE ?? "")) return Reflect.apply(lookup, dns, ["127.0.0.1", ...rest]);
  const facts = { errno: -3001, code: "EAI_AGAIN", syscall: "getaddrinfo", hostname: name };
  const error = Object.assign(new Error(`getaddrinfo EAI_AGAIN ${String(name)}`), facts);
  const tell = rest.at(-1);
  if (typeof tell === "function") process.nextTick(() => tell(error));
  return {};
};
Reflect.set(dns, "lookup", switchedLookup);
