import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { expect, test } from "vitest";

type Service = {
  command?: string;
  environment?: Record<string, string | null>;
  mem_limit?: string;
  cap_drop?: string[];
  security_opt?: string[];
};

const text = readFileSync(new URL("../docker-compose.yml", import.meta.url), "utf8");
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the file is ours
const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };

test("docker-compose.yml gives provider keys to workers only", () => {
  const holders = Object.entries(services).filter(([, { environment = {} }]) =>
    Object.keys(environment).some((name) => /^(OPENAI|ARK)_/.test(name)),
  );
  expect(holders.map(([name]) => name)).toEqual(["worker"]);
  expect(Object.keys(services["worker"]?.environment ?? {})).toEqual(
    expect.arrayContaining(["REDIS_URL", "S3_BUCKET", "OPENAI_API_KEY", "ARK_API_KEY", "WORKER_LANES"]),
  );
});

test("docker-compose.yml bounds the memory of every container, and that of Redis below its container's", () => {
  expect(Object.entries(services).filter(([, { mem_limit: limit }]) => limit === undefined)).toEqual([]);
  expect(services["redis"]?.command).toMatch(/--maxmemory \$\{REDIS_MAXMEMORY:-1gb\} --maxmemory-policy noeviction/);
  expect(services["redis"]?.mem_limit).toBe("${REDIS_MEMORY_LIMIT:-2g}");
});

test("no container of docker-compose.yml gains rights, and ours have none of the kernel's", () => {
  for (const service of Object.values(services)) expect(service.security_opt).toEqual(["no-new-privileges:true"]);
  for (const name of ["api", "worker"]) expect(services[name]?.cap_drop).toEqual(["ALL"]);
});
