import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { loadCatalogue } from "@darkroom/models";
import { createHttpClient, createImageChecker, readProviderSettings } from "@darkroom/providers";
import { temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { DeploymentsError } from "./parse-deployments.ts";
import { watchDeployments } from "./watch-deployments.ts";

const settings = readProviderSettings({});
const upstreams = { settings, deps: { http: createHttpClient(settings.http), images: createImageChecker() } };

const text = (weight: number, more = "") =>
  `models: { gpt-image-2: { deployments: [{ name: main, provider: openai, apiKey: { file: KEY }, weight: ${weight}${more} }] } }`;

async function open(first: string) {
  const folder = await temporaryFolder();
  const key = path.join(folder, "key");
  const file = path.join(folder, "deployments.yaml");
  const write = (content: string) => writeFileSync(file, content.replace("KEY", key));
  const writeKey = (secret: string) => writeFileSync(key, secret);
  writeKey("sk-1");
  write(first);
  const logged: { fields: object; sentence: string }[] = [];
  const line = (fields: object, sentence: string) => void logged.push({ fields, sentence });
  const watch = () =>
    watchDeployments({
      file,
      catalogue: loadCatalogue(),
      upstreams,
      readVariable: () => undefined,
      log: { info: line, error: line },
      everyMs: 10,
    });
  return { file, watch, write, writeKey, logged };
}

async function watched() {
  const { watch, ...opened } = await open(text(1));
  const deployments = watch();
  onTestFinished(() => deployments.close());
  return { ...opened, deployments, inForce: () => deployments.of("gpt-image-2")?.deployments[0] };
}

test("a change is in force without a restart", async () => {
  const { write, inForce } = await watched();
  expect(inForce()?.weight).toBe(1);
  write(text(2));
  await expect.poll(() => inForce()?.weight).toBe(2);
});

test("a key that changes in its own file is in force, too", async () => {
  const { writeKey, inForce } = await watched();
  writeKey("sk-2");
  await expect.poll(() => inForce()?.secrets[0]).toBe("sk-2");
});

test("a file that is still being written is not in force: what stands there for one look is not taken", async () => {
  const folder = await temporaryFolder();
  const file = path.join(folder, "deployments.yaml");
  const entry = (name: string) => `      - { name: ${name}, provider: openai, apiKey: { env: KEY }, concurrency: 2 }\n`;
  const write = (...names: string[]) =>
    writeFileSync(file, `models:\n  gpt-image-2:\n    deployments:\n${names.map(entry).join("")}`);
  write("a", "b");
  let looks = 0;
  const inForce = new Set<string>();
  const deployments = watchDeployments({
    file,
    catalogue: loadCatalogue(),
    upstreams,
    // Each look asks for the key of each deployment, after it has read the file.
    readVariable() {
      looks++;
      // The first look asks for two. Then half of the new file has been read, and the rest is written now.
      if (looks === 3) write("a", "b", "c");
      return "sk-1";
    },
    log: { info: (fields: object) => void inForce.add(JSON.stringify(fields)), error() {} },
    everyMs: 10,
  });
  onTestFinished(() => deployments.close());
  write("a");
  await expect.poll(() => deployments.of("gpt-image-2")?.deployments.length).toBe(3);
  expect([...inForce]).toEqual([expect.stringContaining('{"gpt-image-2":["a","b","c"]}')]);
});

test("a mistake changes nothing, and is told once, with its line", async () => {
  const { write, inForce, deployments, logged } = await watched();
  write(text(0));
  await expect.poll(() => deployments.mistakes).toEqual([expect.stringMatching(/:1:\d+: .*expected at least 1/)]);
  expect(inForce()?.weight).toBe(1);
  write(text(3));
  await expect.poll(() => inForce()?.weight).toBe(3);
  expect(deployments.mistakes).toEqual([]);
  expect(logged.filter(({ sentence }) => sentence.includes("mistakes"))).toHaveLength(1);
});

test("a file that goes back to what it was has no mistakes any more", async () => {
  const { write, deployments } = await watched();
  write("models: [");
  await expect.poll(() => deployments.mistakes).toHaveLength(1);
  write(text(1));
  await expect.poll(() => deployments.mistakes).toEqual([]);
});

test.each([
  ["is longer than any is", "#".repeat(50 * 1024 * 1024), "has 52428800 bytes"],
  ["is empty", "", "models"],
])("a file that %s is a mistake", async (_, content, reason) => {
  const { write, inForce, deployments } = await watched();
  write(content);
  await expect.poll(() => deployments.mistakes).toEqual([expect.stringContaining(reason)]);
  expect(inForce()?.weight).toBe(1);
});

test("what is no file is not waited for: a pipe would hold up the process for ever", async () => {
  const { write, inForce, deployments } = await watched();
  write(text(2).replace("KEY", "/dev/null"));
  await expect
    .poll(() => deployments.mistakes)
    .toEqual([expect.stringContaining("/dev/null cannot be read: it is no file")]);
  expect(inForce()?.weight).toBe(1);
});

test("a file that is gone, and then a folder, is a mistake until it is back", async () => {
  const { file, write, inForce, deployments } = await watched();
  rmSync(file);
  await expect.poll(() => deployments.mistakes).toEqual([expect.stringContaining("cannot be read")]);
  mkdirSync(file);
  await expect.poll(() => deployments.mistakes).toEqual([expect.stringContaining("is no file")]);
  rmSync(file, { recursive: true });
  write(text(2));
  await expect.poll(() => inForce()?.weight).toBe(2);
  expect(deployments.mistakes).toEqual([]);
});

test("at the start a mistake is an error", async () => {
  const { watch } = await open(text(1, ", colour: red"));
  expect(watch).toThrow(DeploymentsError);
});
