import { setTimeout as pause } from "node:timers/promises";
import { createTicker, type Logger } from "@darkroom/runtime";
import type { Catalogue } from "@darkroom/models";
import { type OpenDeployment, openDeployment, type OpenDeploymentOptions } from "./open-deployment.ts";
import { DeploymentsError, type ModelDeployments, parseDeployments } from "./parse-deployments.ts";
import { readSmallFile } from "./read-small-file.ts";

/** Two seconds, so that every worker heeds a change within five. A file of some kilobytes takes a millisecond. */
const readEveryMs = 2_000;

/** After a change is found, the file is read once more. A program that writes it in parts has written it whole by then. */
const settledMs = 250;

export type WatchDeploymentsOptions = OpenDeploymentOptions & {
  /** The path of the file; undefined where there are no deployments. */
  file: string | undefined;
  catalogue: Pick<Catalogue, "find">;
  log: Pick<Logger, "info" | "error">;
  /** How often the file is read, in milliseconds. */
  everyMs?: number;
};

export type OpenModel = ModelDeployments<OpenDeployment>;

/** The deployments that are in force. */
export type Deployments = {
  /** Those of the first of the names that has any. */
  of(...models: (string | undefined)[]): OpenModel | undefined;
  /** All of them, by model. */
  readonly all: readonly OpenModel[];
  /** What is wrong with the file as it is now, one line for each mistake. Empty where it is in force. */
  readonly mistakes: readonly string[];
  /** When what is in force was read, in Unix milliseconds by the clock of this process. */
  readonly sinceMs: number;
  close(): Promise<void>;
};

/**
 * Reads the deployments file now and then, with the secrets that it names. A change that two looks in a row have found is in force for the next
 * call. A file with a mistake changes nothing: it is told once, and the deployments before it stay in force. Throws `DeploymentsError` where the first
 * reading fails.
 */
export function watchDeployments(options: WatchDeploymentsOptions): Deployments {
  const { file, log, everyMs = readEveryMs } = options;
  let all: OpenModel[] = [];
  let byModel = new Map<string, OpenModel>();
  let sinceMs = Date.now();
  let inForce = "";
  /** The version of the latest look. */
  let latest: string | undefined;
  let mistakes: readonly string[] = [];

  /** Takes over what the file says. Throws `DeploymentsError`. */
  function read(path: string): "new" | "same" | "changing" {
    const text = textOf(path);
    const open = (deployment: Parameters<typeof openDeployment>[0]) => openDeployment(deployment, options);
    const models = parseDeployments({ ...options, file: path, text, open });
    // A key may change in its own file.
    const version = JSON.stringify([text, models.flatMap(({ deployments }) => deployments.map((one) => one.secrets))]);
    // A part of a file is a valid file, often: of a change that is not written at once, the first half may have been read.
    const isSettled = latest === undefined || latest === version;
    latest = version;
    if (version === inForce) return "same";
    if (!isSettled) return "changing";
    inForce = version;
    all = models;
    byModel = new Map(models.map((one) => [one.model, one]));
    sinceMs = Date.now();
    return "new";
  }

  async function tick(path: string): Promise<void> {
    try {
      let found = read(path);
      if (found === "changing") {
        await pause(settledMs);
        found = read(path);
      }
      if (found === "changing") return;
      const wasWrong = mistakes.length > 0;
      mistakes = [];
      if (found === "new" || wasWrong)
        log.info({ file: path, deployments: namesOf(all) }, "The deployments file is in force");
    } catch (error) {
      if (!(error instanceof DeploymentsError)) throw error;
      if (error.mistakes.join("\n") === mistakes.join("\n")) return;
      ({ mistakes } = error);
      log.error({ file: path, mistakes }, "The deployments file has mistakes; the deployments before it stay in force");
    }
  }

  if (file !== undefined) read(file);
  const ticker =
    file === undefined
      ? undefined
      : createTicker({
          everyMs,
          maxPauseMs: everyMs,
          tick: () => tick(file),
          onError: (error) => log.error({ file, err: error }, "The deployments file could not be read again"),
        });

  return {
    of: (...models) =>
      models.map((model) => (model === undefined ? undefined : byModel.get(model))).find((one) => one !== undefined),
    get all() {
      return all;
    },
    get mistakes() {
      return mistakes;
    },
    get sinceMs() {
      return sinceMs;
    },
    async close() {
      await ticker?.close();
    },
  };
}

const namesOf = (models: readonly OpenModel[]): Record<string, string[]> =>
  Object.fromEntries(models.map(({ model, deployments }) => [model, deployments.map(({ name }) => name)]));

function textOf(file: string): string {
  try {
    return readSmallFile(file);
  } catch (error) {
    throw new DeploymentsError([error instanceof Error ? error.message : String(error)]);
  }
}
