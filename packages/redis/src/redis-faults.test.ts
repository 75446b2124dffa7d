import { expect, test } from "vitest";
import { adviseOnRedis, explainRedisError } from "./redis-faults.ts";

const reply = (message: string) => Object.assign(new Error(message), { name: "ReplyError" });
const coded = (code: string) => Object.assign(new Error(`connect ${code}`), { code });

test.each([
  ["OOM command not allowed when used memory > 'maxmemory'.", "has no memory left and takes no writes"],
  ["MISCONF Redis is configured to save RDB snapshots", "cannot save to its disk"],
  ["NOPERM this user has no permissions to run the 'evalsha' command", "does not give its user the rights"],
  // As 7.0 says it of what a script does, and as later versions do.
  ["ERR The user executing the script can't publish to the channel", "does not give its user the rights"],
  ["NOPERM ACL failure in script: No permissions to access a key", "does not give its user the rights"],
  ["CROSSSLOT Keys in request don't hash to the same slot", "runs in Cluster mode"],
  ["MOVED 1234 10.0.0.1:6379", "gives the slot of QUEUE_PREFIX to another node"],
  ["CLUSTERDOWN Hash slot not served", "is a cluster in which no node serves the slot"],
  ["ERR max number of clients reached", "has as many clients as its maxclients allows"],
  ["ERR invalid password", "refuses the password in REDIS_URL"],
])("%s", (message, predicate) => {
  expect(adviseOnRedis(reply(message))).toContain(`Redis ${predicate}`);
});

test("an unknown answer, and an error of any connection, give no advice", () => {
  expect(adviseOnRedis(reply("ERR syntax error"))).toBeUndefined();
  expect(adviseOnRedis(coded("ECONNREFUSED"))).toBeUndefined();
});

test("a start does not wait for what an operator has to change, and waits for what may be starting up", () => {
  const hopeOf = (error: Error) => explainRedisError(error)?.hopeMs;
  const never = ["WRONGPASS x", "NOAUTH x", "NOPERM x", "READONLY x", "CROSSSLOT x"].map(reply);
  expect(never.map(hopeOf)).toEqual([0, 0, 0, 0, 0]);
  expect(hopeOf(coded("SELF_SIGNED_CERT_IN_CHAIN"))).toBe(0);
  expect(hopeOf(coded("ENOTFOUND"))).toBe(3_000);
  expect(["LOADING x", "OOM x"].map(reply).map(hopeOf)).toEqual([Infinity, Infinity]);
  expect(hopeOf(coded("ECONNREFUSED"))).toBe(Infinity);
});
