import { expect, test } from "vitest";
import { parseRedisUrl, redisUrlSchema } from "./redis-url.ts";

const none = { username: undefined, password: undefined };
const plain = { primaryName: undefined, tls: false, ...none, db: 0, sentinel: none };
const at = (host: string, port: number) => ({ host, port });

test.each([
  ["redis://localhost", { ...plain, nodes: [at("localhost", 6_379)] }],
  ["redis://127.0.0.1:80/3", { ...plain, nodes: [at("127.0.0.1", 80)], db: 3 }],
  ["redis://:p%40ss@[::1]:7000", { ...plain, nodes: [at("::1", 7_000)], password: "p@ss" }],
  ["redis://:a:b@host", { ...plain, nodes: [at("host", 6_379)], password: "a:b" }],
  [
    "rediss://me:secret@redis.internal",
    { ...plain, nodes: [at("redis.internal", 6_379)], tls: true, username: "me", password: "secret" },
  ],
  ["redis://a:1,b:2,c", { ...plain, nodes: [at("a", 1), at("b", 2), at("c", 6_379)] }],
  ["redis-sentinel://a,b:5/mymaster", { ...plain, nodes: [at("a", 26_379), at("b", 5)], primaryName: "mymaster" }],
  [
    "rediss-sentinel://me:secret@a/main-1?sentinel_username=you&sentinel_password=%2F",
    {
      ...plain,
      nodes: [at("a", 26_379)],
      primaryName: "main-1",
      tls: true,
      username: "me",
      password: "secret",
      sentinel: { username: "you", password: "/" },
    },
  ],
])("%s is read", (url, address) => {
  expect(parseRedisUrl(url)).toEqual(address);
});

test.each([
  ["http://localhost", "must look like redis://host:6379"],
  ["localhost:6379", "must look like redis://host:6379"],
  ["redis://", "must look like redis://host:6379"],
  ["redis://host:99999", "must look like redis://host:6379"],
  ["redis://a,,b", "must look like redis://host:6379"],
  ["redis-sentinel://a:26379", "must end with the name by which Sentinel knows the primary"],
  ["redis://host/mymaster", "must end with the number of a database"],
  ["redis://:100%@host", "percent-encoded"],
  ["redis://host?sentinel_password=x", "must not have the parameter sentinel_password. Known are: none"],
  ["redis-sentinel://a/m?db=1", "must not have the parameter db. Known are: sentinel_username, sentinel_password"],
])("%s is refused with what would be right", (url, message) => {
  expect(redisUrlSchema.safeParse(url).error?.issues[0]?.message).toContain(message);
});
