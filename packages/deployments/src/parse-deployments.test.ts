import { loadCatalogue } from "@darkroom/models";
import { createHttpClient, createImageChecker, readProviderSettings } from "@darkroom/providers";
import { describe, expect, test } from "vitest";
import { openDeployment } from "./open-deployment.ts";
import { DeploymentsError, parseDeployments } from "./parse-deployments.ts";

const catalogue = loadCatalogue();
const settings = readProviderSettings({});
const upstreams = { settings, deps: { http: createHttpClient(settings.http), images: createImageChecker() } };
const variables: Record<string, string> = { MAIN_KEY: "sk-main" };

const parse = (text: string) =>
  parseDeployments({
    file: "deployments.yaml",
    text,
    catalogue,
    open: (deployment) => openDeployment(deployment, { upstreams, readVariable: (name) => variables[name] }),
  });

const entry = (...lines: string[]) =>
  [
    "models:",
    "  gpt-image-2:",
    "    deployments:",
    "      - name: main",
    ...lines.map((line) => `        ${line}`),
  ].join("\n");
const whole = ["provider: openai", "apiKey: { env: MAIN_KEY }"];

test("a deployment has what the file says, and defaults", () => {
  const [model] = parse(
    entry(
      ...whole,
      "baseUrl: https://eu.example.com/v1",
      "model: my-gpt",
      "concurrency: 7",
      "headers: { x-team: images }",
    ),
  );
  expect(model).toMatchObject({
    model: "gpt-image-2",
    buyAgainInDoubt: false,
    deployments: [
      { name: "main", model: "my-gpt", concurrency: 7, weight: 1, priority: 1, secrets: ["sk-main", "images"] },
    ],
  });
  expect(model?.deployments[0]?.adapter.name).toBe("openai");
});

test("a request of Ark's counts for each image", () => {
  const [model] = parse(entry("provider: volcengine", "apiKey: { env: MAIN_KEY }"));
  expect(model?.deployments[0]?.requestsFor(4)).toBe(4);
});

describe("a mistake is told with its line and its reason:", () => {
  const faults = (text: string): readonly string[] => {
    try {
      parse(text);
    } catch (error) {
      if (error instanceof DeploymentsError) return error.mistakes;
    }
    return [];
  };

  test.each([
    ["an unknown key", entry(...whole, "colour: red"), ":7:9:", "unknown key"],
    ["an unknown provider", entry("provider: opneai"), ":5:19:", "expected one of openai, sandbox, volcengine"],
    ["no key", entry("provider: openai"), ":4:9:", "needs an apiKey"],
    [
      "a key that is not there",
      entry("provider: openai", "apiKey: { env: OTHER }"),
      ":6:17:",
      "variable OTHER is not set",
    ],
    [
      "a key file that is not there",
      entry("provider: openai", "apiKey: { file: /no/such }"),
      ":6:17:",
      "/no/such cannot be read",
    ],
    ["an address that is none", entry(...whole, "baseUrl: eu.example.com"), ":7:18:", "expected an http or https URL"],
    ["a limit of nothing", entry(...whole, "concurrency: 0"), ":7:22:", "expected at least 1"],
    ["a weight that is no number", entry(...whole, "weight: much"), ":7:17:", "expected number"],
    [
      "a model that is not in the catalogue",
      entry(...whole).replace("gpt-image-2", "gpt-imago"),
      ":2:3:",
      "id of a model",
    ],
    [
      "a name twice",
      `${entry(...whole)}\n      - { name: main, ${whole.join(", ")} }`,
      ":7:17:",
      "the name 'main' is taken",
    ],
    [
      "the name of a provider",
      entry(...whole).replace("main", "openai"),
      ":4:15:",
      "stands for the upstream of the environment",
    ],
    [
      "an address where there is none",
      entry("provider: sandbox", "baseUrl: https://a.example"),
      ":6:18:",
      "has no baseUrl",
    ],
    ["no deployments", "models:\n  gpt-image-2: { deployments: [] }", ":2:", "expected at least 1 entries"],
    ["no YAML", "models: [", ":1:", ""],
    ["nothing", "", ":1:1:", "models"],
  ])("%s", (_, text, place, reason) => {
    const [first, ...others] = faults(text);
    expect(first).toContain(`deployments.yaml${place}`);
    expect(first).toContain(reason);
    expect(others).toEqual([]);
  });

  test("all at once, in the order of the file", () => {
    const text = entry(...whole, "weight: 0", "concurrency: 0").replace("gpt-image-2", "gpt-imago");
    expect(faults(text)).toHaveLength(3);
  });

  test.each([
    [
      "the entries of a model as a map",
      entry("provider: openai", "apiKey: sk-very-secret").replace("- name", "  name"),
    ],
    ["a key in the place of an entry", "models:\n  gpt-image-2:\n    deployments: [sk-very-secret]"],
    ["a key in the place of the file", "sk-very-secret"],
  ])("without the secret: %s", (_, text) => {
    expect(faults(text)).not.toEqual([]);
    expect(faults(text).join("\n")).not.toContain("sk-very-secret");
  });

  test.each([
    ["two lines", "sk-1\nsk-2"],
    ["a sign that no header may have", "sk-…"],
  ])("a key of %s, which no request can send", (_, key) => {
    variables["WRONG"] = key;
    const [first, ...others] = faults(entry("provider: openai", "apiKey: { env: WRONG }"));
    expect([first, others]).toEqual([expect.stringContaining("cannot be sent in a header"), []]);
    expect(first).not.toContain("sk-");
  });

  test.each([
    ["an alias of nothing", entry(...whole, "model: *nothing")],
    [
      "aliases that multiply",
      `a: &a [${"x, ".repeat(20)}]\nb: &b [${"*a, ".repeat(20)}]\nc: &c [${"*b, ".repeat(20)}]\nmodels: [${"*c, ".repeat(20)}]`,
    ],
  ])("%s", (_, text) => {
    expect(faults(text)).toEqual([expect.stringContaining("deployments.yaml:1:1:")]);
  });

  test.each([
    ["a key in the file itself", "apiKey: sk-very-secret"],
    ["a key in an address", "baseUrl: https://user:sk-very-secret@a.example"],
    ["a key among the headers", "headers: { x-key: [sk-very-secret] }"],
    ["headers as a list", "headers: [{ authorization: sk-very-secret }]"],
    ["headers as a text", 'headers: "authorization: sk-very-secret"'],
    ["a header without a colon outside of it", 'headers: { "authorization: sk-very-secret" }'],
    ["a key in a model's place", "model: { apiKey: sk-very-secret }"],
    ["a key as an alias", "model: *sk-very-secret"],
  ])("without the secret: %s", (_, line) => {
    const text = entry("provider: openai", line.startsWith("apiKey") ? "" : "apiKey: { env: MAIN_KEY }", line);
    expect(faults(text)).not.toEqual([]);
    expect(faults(text).join("\n")).not.toContain("sk-very-secret");
  });
});
