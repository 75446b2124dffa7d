import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { expect, test } from "vitest";
import { secretNames } from "../packages/runtime/src/index.ts";
import { configurationSections } from "./docs/configuration-sections.ts";

type Service = {
  command?: string;
  read_only?: boolean;
  secrets?: string[];
  environment?: Record<string, string | null>;
  mem_limit?: string;
  cap_drop?: string[];
  security_opt?: string[];
};

function read(file: string): { services: Record<string, Service>; secrets?: Record<string, unknown> } {
  return parse(readFileSync(new URL(`../${file}`, import.meta.url), "utf8"), { merge: true });
}
const { services } = read("docker-compose.yml");
const inFiles = read("deploy/docker-compose.secrets.yml");
const ours = ["api", "worker", "cli"];

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

test("no container of docker-compose.yml gains rights, and ours have none of the kernel's and change no file of the image", () => {
  for (const service of Object.values(services)) expect(service.security_opt).toEqual(["no-new-privileges:true"]);
  for (const name of ours) expect(services[name]).toMatchObject({ cap_drop: ["ALL"], read_only: true });
});

test("docker-compose.yml hands on only variables that a process reads", () => {
  const known = new Set(configurationSections.flatMap(({ settings }) => Object.keys(settings.shape)));
  for (const name of ours) {
    const handedOn = Object.keys(services[name]?.environment ?? {});
    expect(handedOn.length).toBeGreaterThan(2);
    expect(handedOn.filter((variable) => !known.has(variable))).toEqual([]);
  }
});

test("each secret in a file is mounted where it is read, and provider keys for workers only", () => {
  const secrets = new Set(configurationSections.flatMap(({ settings }) => secretNames(settings)));
  for (const [name, { secrets: mounted = [], environment = {} }] of Object.entries(inFiles.services)) {
    expect(new Set(Object.values(environment))).toEqual(new Set(mounted.map((secret) => `/run/secrets/${secret}`)));
    const names = Object.keys(environment).map((variable) => variable.replace(/_FILE$/, ""));
    // API_KEYS_FILE is a setting of its own.
    expect(names.filter((secret) => !secrets.has(secret) && secret !== "API_KEYS")).toEqual([]);
    expect(names.some((secret) => secret.endsWith("_API_KEY"))).toBe(name === "worker");
    for (const secret of mounted) expect(Object.keys(inFiles.secrets ?? {})).toContain(secret);
  }
});
