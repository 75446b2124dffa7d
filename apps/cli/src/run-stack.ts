import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashApiKey } from "@darkroom/accounts";
import { type StackChild, startChild } from "./child-process.ts";
import { chooseApiPort, chooseLoopbackPort } from "./choose-port.ts";
import type { StackConfig } from "./config.ts";
import { greeting } from "./greeting.ts";
import { localSecrets } from "./local-secrets.ts";
import { startLocalRedis } from "./local-redis.ts";
import { echoLine, holdLines } from "./log-echo.ts";
import { Problem } from "./problem.ts";
import { lockStack } from "./stack-lock.ts";
import { servedModelsSchema } from "./service/served-model.ts";
import { stackEnvironment } from "./stack-environment.ts";
import { statusOf, waitUntil } from "./wait-until.ts";

/** Cold, on a slow machine, Node needs about 3 s to load the api; Redis loads about 100 MB of its file a second. */
const readyTimeoutMs = 60_000;
/** Longer than the deadline that api and worker are given for their own stop; a process that is still there then is ended hard. */
const stopGraceMs = 20_000;

export type StackPrograms = {
  /** TypeScript or JavaScript files, run with the Node that runs us. */
  api: string;
  worker: string;
};

export type StackOptions = {
  config: StackConfig;
  programs: StackPrograms;
  /** Settles when the user ends the stack. */
  stopRequested: Promise<unknown>;
  say: (text: string) => void;
};

/**
 * Runs Redis, the api and the worker until it is told to stop; then stops them in reverse order.
 * @throws {Problem} when the stack cannot start, or when one of its processes ends by itself
 */
export async function runStack({ config, programs, stopRequested, say }: StackOptions): Promise<void> {
  const { stateDirectory, environment } = config;
  const logs = join(stateDirectory, "logs");
  const facts = join(stateDirectory, "local.json");
  closeToOthers(config);

  const ending = new AbortController();
  const stops: (() => Promise<void> | void)[] = [lockStack(stateDirectory)];
  const children: StackChild[] = [];
  const echo = holdLines(say);
  const stopped = stopRequested.then(() => "stop" as const);
  /** Waits for something to become true, unless the user stops us or a child dies first. */
  const until = async (what: string, isReady: () => Promise<boolean>) => {
    const timedOut = waitUntil(isReady, readyTimeoutMs, ending.signal).then((ready) => {
      if (!ready && !ending.signal.aborted)
        throw new Problem(`The ${what} was not ready after ${readyTimeoutMs / 1000} s. Its log is in ${logs}.`);
      return "ready" as const;
    });
    return Promise.race([stopped, timedOut, ...children.map(failWhenEnded)]);
  };
  const add = (child: StackChild) => {
    children.push(child);
    stops.push(() => child.stop(stopGraceMs));
  };
  const startNode = (name: string, program: string, env: NodeJS.ProcessEnv) => {
    const onLine = (line: string) => {
      const words = echoLine(name, line);
      if (words !== undefined) echo.say(words);
    };
    add(
      startChild({ name, command: process.execPath, args: [program], env, logFile: join(logs, `${name}.log`), onLine }),
    );
  };

  try {
    rmSync(facts, { force: true });
    const { port, insteadOf } = await chooseApiPort(config.host, config.port);
    if (insteadOf !== undefined) say(`Port ${insteadOf} is taken; using ${port}.`);
    const workerPort = await chooseLoopbackPort();

    let redisUrl = config.redisUrl;
    if (redisUrl === undefined) {
      const logFile = join(logs, "redis.log");
      const redis = await startLocalRedis({ server: config.redisServer, stateDirectory, logFile });
      add(redis.child);
      redisUrl = redis.url;
      if ((await until("Redis", redis.isReady)) === "stop") return;
    }

    const secrets = localSecrets(stateDirectory);
    const origin = reachableUrl(config.host, port);
    const env = stackEnvironment({ environment, stateDirectory, redisUrl, secrets, origin });
    startNode("api", programs.api, { ...env, HOST: config.host, PORT: String(port) });
    startNode("worker", programs.worker, { ...env, WORKER_PORT: String(workerPort) });
    const baseUrl = `${origin}/v1`;
    const { apiKey, adminKey } = secrets;
    // The api of another checkout may have taken the port since we looked. It does not know our key.
    const isApiReady = async () => {
      const status = await statusOf(`${origin}/readyz`);
      // It listens when it has started, so something keeps it from serving.
      if (status === 503) echo.answeredNotReady();
      return status === 200 && (await statusOf(`${baseUrl}/models`, apiKey)) === 200;
    };
    if ((await until("api", isApiReady)) === "stop") return;
    const workerReadiness = `${reachableUrl("127.0.0.1", workerPort)}/readyz`;
    if ((await until("worker", async () => (await statusOf(workerReadiness)) === 200)) === "stop") return;

    // A person who has set a hash of their own has the key to it.
    const ours = env["ADMIN_KEY_SHA256"] === hashApiKey(adminKey);
    const known = { baseUrl, apiKey, ...(ours && { adminKey }) };
    writeFileSync(facts, `${JSON.stringify(known, null, 2)}\n`, { mode: 0o600 });
    stops.push(() => rmSync(facts, { force: true }));
    say(greeting({ baseUrl, apiKey, logs, model: await defaultModel(baseUrl, apiKey) }));
    echo.release();
    await Promise.race([stopped, ...children.map(failWhenEnded)]);
  } finally {
    echo.release();
    ending.abort();
    for (const stop of stops.toReversed()) await stop();
  }
}

/**
 * Shuts prompts, images, logs and the data of Redis to the other users of the machine. A folder that the user has named may hold other
 * things, so only what is ours in it is shut.
 */
function closeToOthers({ stateDirectory, ownsStateDirectory }: StackConfig): void {
  if (ownsStateDirectory) privateFolder(stateDirectory);
  for (const name of ["logs", "images", "redis"]) privateFolder(join(stateDirectory, name));
}

/** Makes a folder for its owner only, or closes one that is there to everybody else, whatever the modes of the files in it. */
function privateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
}

/** What the service draws with when a request names no model: one that it serves, whatever file of models it has. */
async function defaultModel(baseUrl: string, apiKey: string): Promise<string> {
  const response = await fetch(`${baseUrl}/models`, { headers: { authorization: `Bearer ${apiKey}` } });
  const { data } = servedModelsSchema.parse(await response.json());
  const model = data.find(({ is_default }) => is_default);
  if (model === undefined) throw new Error("The api tells no default model.");
  return model.id;
}

async function failWhenEnded(child: StackChild): Promise<never> {
  const how = await child.ended;
  const said = child.lastLines().map((line) => `  ${line}`);
  throw new Problem(
    [`The ${child.name} stopped by itself (${how}). Its last lines:`, ...said, `All of its log: ${child.logFile}`].join(
      "\n",
    ),
  );
}

/** The origin at which a server that listens on this host can be reached from this machine. */
function reachableUrl(host: string, port: number): string {
  const anyAddress = host === "0.0.0.0" || host === "::";
  const name = anyAddress ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
