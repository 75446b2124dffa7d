import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { errorBodySchema, imageResponseSchema } from "@darkroom/contracts";
import { bareMachinePath, freePort, startRedis } from "@darkroom/testing";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { findExecutable } from "../../scripts/bootstrap/find-executable.mjs";
import { blocksIn } from "./labelled-blocks.ts";
import { measureImage, measureLink } from "./measure-image.ts";
import { commandsIn, openPastedShell, type Pasted } from "./pasted-shell.ts";
import { pythonWithOpenai } from "./python-with-openai.ts";
import { runProgram } from "./run-program.ts";

const checkout = resolve(import.meta.dirname, "../..");
const read = (document: string) => readFileSync(join(checkout, document), "utf8");

/** Documents whose commands are run elsewhere, or want more than a person who tries the service has. */
const elsewhere = new Map([
  ["docs/adding-a-parameter.md", "adding-a-parameter.test.ts follows it to the letter"],
  ["docs/adding-a-provider.md", "adding-a-provider.test.ts follows it to the letter"],
  ["docs/docker.md", "compose.fault.test.ts runs the Compose file; a machine without Docker cannot"],
  [
    "docs/tracing.md",
    "tracing.test.ts runs the service with these settings and a collector of its own; a machine without Docker has none",
  ],
  ["packages/testing/README.md", "for those who work on Darkroom, with pnpm"],
]);
/** What is not pasted into the second terminal. */
const notPasted = new Map([
  ["npm start", "it runs in the first one"],
  ["npm test", "this is a part of it"],
]);

/** A minimal Debian has none. There the README's other commands are run, and no more. */
const hasCurl = findExecutable(["curl"], process.env) !== undefined;

function commandsOf(document: string): string[] {
  const commands = blocksIn("sh", read(document)).flatMap(commandsIn);
  const isPossible = (command: string) => hasCurl || (document === "README.md" && !command.startsWith("curl"));
  return commands.filter((command) => !notPasted.has(command) && isPossible(command));
}

const documents = globSync(["README.md", "docs/**/*.md", "{apps,packages}/*/README.md"], { cwd: checkout })
  .filter((document) => !elsewhere.has(document) && commandsOf(document).length > 0)
  // A person reads the README first, and makes the key there.
  .toSorted((a, b) => Number(b === "README.md") - Number(a === "README.md") || a.localeCompare(b));

const factsSchema = z.object({ baseUrl: z.url(), apiKey: z.string(), adminKey: z.string() });

/** `npm start` as a person runs it on a machine with Node, npm, curl and nothing else, and a second terminal in a folder of its own. */
async function openMachine() {
  await using opened = new AsyncDisposableStack();
  const state = await temporary(opened);
  const folder = await temporary(opened);
  const path = await bareMachinePath({
    more: ["npm", ...(hasCurl ? ["curl"] : [])],
    defer: (remove) => opened.defer(remove),
  });
  const redis = await startRedis();
  opened.defer(() => redis.stop());
  const environment = { PATH: path, HOME: state, STATE_DIRECTORY: state };
  const own = { REDIS_URL: redis.url, PORT: String(await freePort()) };
  const stack = spawn("npm", ["start"], {
    cwd: checkout,
    env: { ...environment, ...own },
    stdio: ["ignore", "pipe", "pipe"],
  });
  opened.defer(() => end(stack));
  const greeting = await printedUntil(stack, "Ctrl-C stops everything");
  const facts = factsSchema.parse(JSON.parse(await readFile(join(state, "local.json"), "utf8")));
  // The person stands in the checkout. What the commands write would stay there, so a link to its command line will do.
  await symlink(join(checkout, "darkroom"), join(folder, "darkroom"));
  const shell = openPastedShell({ folder, environment });
  opened.use(shell);
  const open = opened.move();
  return { greeting, facts, folder, shell, origin: new URL(facts.baseUrl).origin, close: () => open.disposeAsync() };
}

async function temporary(opened: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-documents-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill("SIGTERM");
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** Resolves with all that a process has printed once a sentence is among it; rejects when it ends before. */
function printedUntil(child: ChildProcess, sentence: string): Promise<string> {
  return new Promise((done, reject) => {
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (piece: Buffer) => {
        printed += piece;
        if (printed.includes(sentence)) done(printed);
      });
    }
    child.once("close", () => reject(new Error(`npm start ended:\n${printed}`)));
  });
}

let machine: Awaited<ReturnType<typeof openMachine>>;
beforeAll(async () => {
  machine = await openMachine();
  return machine.close;
});

/** The latest id of each kind that a command has printed: what the document writes as `key_…`. */
const ids = new Map<string, string>();
const placeholder = /\b(key_|gen_|batch_|file-)…/g;

async function paste(command: string): Promise<Pasted> {
  const filled = command
    .replaceAll("http://127.0.0.1:4000", machine.origin)
    .replaceAll(placeholder, (whole, kind: string) => ids.get(kind) ?? whole);
  const pasted = await machine.shell.paste(filled);
  for (const [id = "", kind = ""] of `${pasted.stdout}\n${pasted.stderr}`.matchAll(
    /\b(key_|gen_|batch_|file-)\w{10,}/g,
  )) {
    ids.set(kind, id);
  }
  return pasted;
}

/** An error that the api told, which curl takes for an answer like any other. */
function errorIn(stdout: string): unknown {
  try {
    return z.object({ error: z.unknown() }).parse(JSON.parse(stdout)).error ?? undefined;
  } catch {
    return undefined;
  }
}

const python = await pythonWithOpenai();

/** What each command has printed. */
const done = new Map<string, string>();

describe.each(documents)("%s, pasted in order", (document) => {
  test.each(commandsOf(document).map((command) => [command.split("\n", 1), command] as const))(
    "%s",
    async (_, command) => {
      const { code, stdout, stderr } = await paste(command);
      expect({ code, error: errorIn(stdout), stderr }).toEqual({ code: 0, error: undefined, stderr });
      done.set(command, stdout);
      // The page makes an admin key for a service of one's own. The one that runs here has its own.
      if (command.startsWith("ADMIN_KEY=")) await machine.shell.paste(`ADMIN_KEY=${machine.facts.adminKey}`);
    },
  );
});

describe("what the README's commands come to", () => {
  const of = (beginning: string) => [...done].find(([command]) => command.startsWith(beginning))?.[1] ?? "";
  const picture = { format: "png" };

  test("a picture on the disk", async () => {
    const saved = await readFile(join(machine.folder, "lighthouse.png"));
    expect(await measureImage(saved)).toMatchObject(picture);
  });

  test.skipIf(!hasCurl)("a link in curl's answer", async () => {
    const answer = imageResponseSchema.parse(JSON.parse(of("curl http://127.0.0.1:4000/v1/images/generations")));
    expect(await measureLink(answer.data[0]?.url ?? "")).toMatchObject(picture);
  });

  test("the key in the list", () => {
    expect(of("./darkroom keys list")).toMatch(/acme +\| website/);
  });

  test.skipIf(!hasCurl)("the use that curl has made of it", () => {
    expect(of("./darkroom usage --tenant acme")).toContain("gpt-image-2");
  });

  test("an image for each prompt of the batch", async () => {
    const names = (await readdir(join(machine.folder, "images"))).filter((name) => name.endsWith(".png"));
    expect(names.toSorted()).toEqual(["line-00001.png", "line-00002.png", "line-00003.png"]);
  });

  test("an image by the openai package, in JavaScript", async () => {
    const [snippet = ""] = blocksIn("js", read("README.md"));
    const printed = await runProgram(process.execPath, ["--input-type=module"], {
      input: snippet.replace("http://127.0.0.1:4000", machine.origin),
      environment: { API_KEY: machine.facts.apiKey },
      folder: join(checkout, "e2e"),
    });
    expect(await measureLink(printed.trim())).toMatchObject({ ...picture, size: "1024x1024" });
  });

  test.skipIf(python === null)("an image by the openai package, in Python", async () => {
    const [snippet = ""] = blocksIn("python", read("README.md"));
    const printed = await runProgram(python ?? "", ["-"], {
      input: snippet.replace("http://127.0.0.1:4000", machine.origin),
      environment: { API_KEY: machine.facts.apiKey },
    });
    expect(await measureLink(printed.trim())).toMatchObject({ ...picture, size: "1024x1024" });
  });
});

test("the error that docs/errors.md shows is what the service answers", async () => {
  const [shown = ""] = blocksIn("json", read("docs/errors.md"));
  const answer = await fetch(`${machine.origin}/v1/images/generations`, {
    method: "POST",
    headers: { authorization: `Bearer ${machine.facts.apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "dall-e-9", prompt: "A lighthouse" }),
  });
  const [expected, found] = [JSON.parse(shown), await answer.json()].map((body) => errorBodySchema.parse(body).error);
  // What follows the colon are the models of this service.
  const sentence = /^.*the models are: '/.exec(expected?.message ?? "")?.[0];
  expect(sentence).toBeDefined();
  expect(found).toEqual({ ...expected, message: expect.stringContaining(sentence ?? "") });
});

describe("npm start", () => {
  test("says nothing before its address", () => {
    expect(machine.greeting.replace(/^(\n|> .*\n)*/, "")).toMatch(/^Darkroom is ready\./);
  });

  const commandLike = (pattern: RegExp) => pattern.exec(machine.greeting)?.[1] ?? "";

  test("ends with a command that brings a picture when it is pasted", async () => {
    await rm(join(machine.folder, "lighthouse.png"), { force: true });
    const pasted = await paste(commandLike(/^ {2}(\.\/darkroom draw .*)$/m));
    expect(pasted).toMatchObject({ code: 0, stdout: "lighthouse.png" });
  });

  test.skipIf(!hasCurl)("and with a curl that answers with its link", async () => {
    const { stdout } = await paste(commandLike(/^ {2}(curl (?:.*\\\n)*.*)$/m));
    const answer = imageResponseSchema.parse(JSON.parse(stdout));
    expect(await measureLink(answer.data[0]?.url ?? "")).toMatchObject({ format: "png" });
  });
});
