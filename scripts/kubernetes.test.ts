import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1";
import { Deployment } from "kubernetes-models/apps/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, Namespace, Service } from "kubernetes-models/v1";
import { parse, parseAllDocuments } from "yaml";
import { describe, expect, test } from "vitest";
import { apiEnvSchema } from "../apps/api/src/config.ts";
import { workerEnvSchema } from "../apps/worker/src/config.ts";
import { secretNames } from "../packages/runtime/src/index.ts";
import { configurationSections } from "./docs/configuration-sections.ts";

const checkout = resolve(import.meta.dirname, "..");
const folder = join(checkout, "deploy/kubernetes");
const read = (file: string) => readFileSync(join(checkout, file), "utf8");

/** The kinds that we use: the module of the type, which knows all fields, and the model, whose schema knows all values. */
const kinds = {
  Namespace: { module: "kubernetes-models/v1", Model: Namespace },
  ConfigMap: { module: "kubernetes-models/v1", Model: ConfigMap },
  Service: { module: "kubernetes-models/v1", Model: Service },
  Deployment: { module: "kubernetes-models/apps/v1", Model: Deployment },
  PodDisruptionBudget: { module: "kubernetes-models/policy/v1", Model: PodDisruptionBudget },
  NetworkPolicy: { module: "kubernetes-models/networking.k8s.io/v1", Model: NetworkPolicy },
  ScaledObject: { module: "@kubernetes-models/keda/keda.sh/v1alpha1", Model: ScaledObject },
};

type Probe = { httpGet: { path: string; port: string }; timeoutSeconds: number };
/** As much of a manifest as the tests below look at. */
type Manifest = {
  apiVersion: string;
  kind: keyof typeof kinds;
  metadata: { name: string };
  data?: Record<string, string>;
  spec: {
    selector: { matchLabels: object };
    scaleTargetRef: { name: string };
    template: {
      metadata: { labels: object };
      spec: {
        terminationGracePeriodSeconds: number;
        securityContext: { runAsUser: number; runAsNonRoot: boolean };
        containers: {
          name: string;
          args: string[];
          env: { name: string; value: string }[];
          ports: { name: string; containerPort: number }[];
          startupProbe: Probe;
          readinessProbe: Probe;
          livenessProbe: Probe;
          resources: { requests: Record<string, string>; limits: Record<string, string> };
          securityContext: object;
          volumeMounts: { name: string; mountPath: string }[];
        }[];
      };
    };
  };
};

const filesOf = (part: string) =>
  readdirSync(join(folder, part)).filter((file) => file.endsWith(".yaml") && file !== "kustomization.yaml");
const manifests = ["base", "keda"].flatMap((part) =>
  filesOf(part).flatMap((file) =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the first two tests check it
    parseAllDocuments(read(`deploy/kubernetes/${part}/${file}`)).map((document) => document.toJS() as Manifest),
  ),
);

const named = (kind: Manifest["kind"], name: string): Manifest => {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`There is no ${kind} ${name}.`);
  return found;
};
const podOf = (name: string) => {
  const { spec } = named("Deployment", name).spec.template;
  const [container] = spec.containers;
  if (container === undefined) throw new Error(`The pod ${name} has no container.`);
  return { ...spec, container };
};

const secrets = configurationSections.flatMap(({ settings }) => secretNames(settings));
const settings = new Set([
  ...configurationSections.flatMap(({ settings: { shape } }) => Object.keys(shape)),
  ...secrets.map((name) => `${name}_FILE`),
]);

test.each(manifests.map((manifest) => [manifest.kind, manifest.metadata.name, manifest] as const))(
  "%s %s has the values that Kubernetes' schema allows",
  (kind, _, manifest) => {
    const { apiVersion, ...data } = manifest;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- each takes what its own type says, which the next test checks
    const Model = kinds[kind].Model as new (data: object) => { apiVersion: string; validate(): void };
    const model = new Model(data);
    expect(apiVersion).toBe(model.apiVersion);
    model.validate();
  },
);

test("no manifest has a field that Kubernetes does not know", () => {
  // The schemas let unknown fields pass; the types of an object literal do not.
  const program = join(checkout, "node_modules/.cache/kubernetes/manifests.ts");
  const compile = (values: readonly object[]) => {
    const literals = values.map((value, i) => {
      const { kind } = manifests[i] ?? { kind: "Namespace" };
      return `const _${i}: import("${kinds[kind].module}").I${kind} = ${JSON.stringify(value)};`;
    });
    mkdirSync(join(program, ".."), { recursive: true });
    writeFileSync(program, `${literals.join("\n")}\nexport {};\n`);
    const options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "esnext", "--module", "nodenext"];
    execFileSync(join(checkout, "node_modules/.bin/tsc"), [...options, "--ignoreConfig", program], { cwd: checkout });
  };
  expect(manifests.length).toBeGreaterThan(8);
  compile(manifests);
  // The check can fail.
  expect(() => compile([{ ...manifests[0], metadata: { name: "x", label: {} } }])).toThrow("Command failed");
});

test.each(["base", "keda"])("the kustomization of %s lists all its files", (part) => {
  const { resources } = parse(read(`deploy/kubernetes/${part}/kustomization.yaml`));
  expect(resources.filter((file: string) => file !== "../base").toSorted()).toEqual(filesOf(part).toSorted());
});

/**
 * False, and said aloud, where there is no kubectl with a Kustomize of today, also where `CI` is set: Debian's is from 2021 and knows no bases
 * among the resources. The other tests read the manifests without it.
 */
function hasKubectl(): boolean {
  try {
    if (execFileSync("kubectl", ["version", "--client"], { encoding: "utf8" }).includes("Kustomize Version: v5"))
      return true;
  } catch {
    // Not there.
  }
  console.warn(
    "\n⚠  SKIPPED: the Kubernetes manifests as kubectl renders them. There is no kubectl with Kustomize 5 on the PATH.\n",
  );
  return false;
}

test.skipIf(!hasKubectl())("kubectl renders all manifests into one namespace", () => {
  const rendered = execFileSync("kubectl", ["kustomize", join(folder, "keda")], { encoding: "utf8" });
  const documents = parseAllDocuments(rendered).map((document) => document.toJS());
  const nameOf = ({ kind, metadata }: Pick<Manifest, "kind" | "metadata">) => `${kind} ${metadata.name}`;
  expect(documents.map(nameOf).toSorted()).toEqual(manifests.map(nameOf).toSorted());
  const outside = documents.filter(({ metadata }) => metadata.namespace !== "darkroom");
  expect(outside.map(nameOf)).toEqual(["Namespace darkroom"]);
});

test.each(["api", "worker"])("every selector of the %s finds its pods", (name) => {
  const { labels } = named("Deployment", name).spec.template.metadata;
  expect(named("Deployment", name).spec.selector.matchLabels).toEqual(labels);
  expect(named("PodDisruptionBudget", name).spec.selector.matchLabels).toEqual(labels);
  expect(named("NetworkPolicy", name).spec).toMatchObject({ podSelector: { matchLabels: labels } });
  expect(named("ScaledObject", "worker").spec.scaleTargetRef.name).toBe("worker");
  expect(named("Service", "api").spec.selector).toEqual(named("Deployment", "api").spec.template.metadata.labels);
});

describe.each([
  { name: "api", portName: "http", port: apiEnvSchema.shape.PORT.parse(undefined), schema: apiEnvSchema },
  { name: "worker", portName: "health", port: Number(imageSetting("WORKER_PORT")), schema: workerEnvSchema },
])("the pod of the $name", ({ name, portName, port, schema }) => {
  const { container, ...pod } = podOf(name);

  test("runs the program of its name, as the user of the image", () => {
    expect(container.args).toEqual([name]);
    expect(read("Dockerfile")).toContain(`USER ${pod.securityContext.runAsUser}:`);
    expect(pod.securityContext.runAsNonRoot).toBe(true);
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  });

  test("is killed after its own deadline, and after the 15 s that follow it", () => {
    const deadlineMs = schema.shape.SHUTDOWN_DEADLINE_MS.parse(undefined);
    expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThanOrEqual(deadlineMs + 15_000);
    const compose = parse(read("docker-compose.yml"), { merge: true }).services[name];
    expect(Number.parseInt(compose.stop_grace_period, 10)).toBe(pod.terminationGracePeriodSeconds);
  });

  test("is probed on its port, and restarted for /healthz only", () => {
    expect(container.ports).toEqual([{ name: portName, containerPort: port }]);
    const { startupProbe, readinessProbe, livenessProbe } = container;
    expect([startupProbe, readinessProbe, livenessProbe].map(({ httpGet }) => httpGet)).toEqual([
      { path: "/healthz", port: portName },
      { path: "/readyz", port: portName },
      { path: "/healthz", port: portName },
    ]);
    // The api's check of the store gives up after three seconds.
    expect(readinessProbe.timeoutSeconds).toBeGreaterThan(3);
  });

  test("has memory that is bounded, and no bound on its CPU", () => {
    expect(container.resources.requests).toMatchObject({ cpu: expect.any(String), memory: expect.any(String) });
    expect(container.resources.limits).toMatchObject({ memory: expect.any(String) });
    expect(container.resources.limits).not.toHaveProperty("cpu");
  });

  test("is told settings that exist, and secrets in files that are mounted", () => {
    expect(container.env.filter(({ name: variable }) => !settings.has(variable))).toEqual([]);
    const mounts = container.volumeMounts.map(({ mountPath }) => mountPath);
    expect(container.env.length).toBeGreaterThan(3);
    for (const { name: variable, value } of container.env) {
      expect(variable).toMatch(/_FILE$/);
      expect(mounts.filter((mount) => value.startsWith(`${mount}/`))).toHaveLength(1);
    }
  });

  test("can write where it must, and has no provider's key unless it is a worker", () => {
    const mounts = container.volumeMounts.map(({ mountPath }) => mountPath);
    expect(mounts).toContain("/tmp");
    expect(mounts.includes(imageSetting("SPOOL_DIRECTORY"))).toBe(name === "worker");
    expect(container.env.some((one) => /^(?:OPENAI|ARK)_/.test(one.name))).toBe(name === "worker");
  });
});

test("workers are scaled by a metric that is told", () => {
  const { query } = parse(read("deploy/kubernetes/keda/scaled-object.yaml")).spec.triggers[0].metadata;
  const [metric = "none"] = /darkroom_\w+/.exec(query) ?? [];
  expect(read("packages/runtime/src/metrics.ts")).toContain(`"${metric}"`);
});

test("the shared settings exist, and none is a secret", () => {
  const { data = {} } = named("ConfigMap", "darkroom-settings");
  expect(Object.keys(data).length).toBeGreaterThan(2);
  expect(Object.keys(data).filter((name) => !settings.has(name) || secrets.includes(name))).toEqual([]);
});

/** A variable that the Dockerfile sets for all containers. */
function imageSetting(name: string): string {
  const value = new RegExp(`^ENV .*\\b${name}=(\\S+)`, "m").exec(read("Dockerfile"))?.[1];
  if (value === undefined) throw new Error(`The Dockerfile does not set ${name}.`);
  return value;
}
