import {
  type Catalogue,
  explain,
  isPlainObject,
  type Mistake,
  readYaml,
  showKind,
  tellMistakes,
} from "@darkroom/models";
import type { z } from "zod";
import { type Deployment, deploymentSchema, deploymentsFileSchema } from "./deployment-schema.ts";

/** The deployments of one model. */
export type ModelDeployments<One = Deployment> = {
  model: string;
  /** Whether an image that one deployment may have charged for is asked of another one. */
  buyAgainInDoubt: boolean;
  deployments: One[];
};

/** A deployments file that cannot be used. Holds every mistake in it, each as `file:line:column: path: reason`. */
export class DeploymentsError extends Error {
  override readonly name = "DeploymentsError";
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(`The deployments file cannot be used:\n${mistakes.join("\n")}`);
    this.mistakes = mistakes;
  }
}

/** Why a deployment cannot be opened. `field` is the key of its entry that is at fault. */
export class DeploymentFault extends Error {
  override readonly name = "DeploymentFault";
  readonly field: keyof Deployment | undefined;

  constructor(field: keyof Deployment | undefined, reason: string) {
    super(reason);
    this.field = field;
  }
}

export type ParseDeploymentsOptions<Opened> = {
  /** The name of the file, for messages. */
  file: string;
  text: string;
  catalogue: Pick<Catalogue, "find">;
  /** Opens one deployment. Throws `DeploymentFault`. */
  open: (deployment: Deployment) => Opened;
};

/** Reads a deployments file and opens each deployment. Throws `DeploymentsError` with all mistakes at once. */
export function parseDeployments<Opened>(options: ParseDeploymentsOptions<Opened>): ModelDeployments<Opened>[] {
  const { file, text, catalogue, open } = options;
  const yaml = readYaml(file, text);
  if (yaml.mistakes.length > 0) throw new DeploymentsError(yaml.mistakes);
  const read = deploymentsFileSchema.safeParse(yaml.value, { reportInput: true });
  const mistakes: Mistake[] = read.success ? [] : read.error.issues.flatMap(explainWithoutSecrets);
  const found: ModelDeployments<Opened>[] = [];
  const owners = new Map<string, string>();
  for (const { model, index, deployment } of entriesOf(yaml.value)) {
    const path = ["models", model, "deployments", index];
    const { name } = deployment;
    const owner = owners.get(name);
    if (owner === undefined) owners.set(name, path.join("."));
    else mistakes.push({ path: [...path, "name"], reason: `the name '${name}' is taken, by ${owner}` });
    try {
      const opened = open(deployment);
      const last = found.at(-1);
      if (last?.model === model) last.deployments.push(opened);
      else found.push({ model, buyAgainInDoubt: false, deployments: [opened] });
    } catch (error) {
      if (!(error instanceof DeploymentFault)) throw error;
      mistakes.push({ path: error.field === undefined ? path : [...path, error.field], reason: error.message });
    }
  }
  for (const model of modelsOf(yaml.value)) {
    if (catalogue.find(model)?.id === model) continue;
    mistakes.push({ path: ["models", model], reason: "expected the id of a model in the catalogue", atKey: true });
  }
  if (!read.success || mistakes.length > 0) throw new DeploymentsError(tellMistakes(mistakes, yaml));
  const { models } = read.data;
  for (const one of found) one.buyAgainInDoubt = models[one.model]?.buyAgainInDoubt === true;
  return found;
}

/**
 * No value of the file is repeated that may be a key in the wrong place: mistakes are logged, and shown to whom the operator shows them. A header's
 * name that is none may be a whole header.
 */
function explainWithoutSecrets(issue: z.core.$ZodIssue): Mistake[] {
  const told = issue.code === "invalid_key" ? { ...issue, path: issue.path.slice(0, -1) } : issue;
  return explain(told, [], { show: showKind });
}

const modelsOf = (value: unknown): string[] =>
  isPlainObject(value) && isPlainObject(value["models"]) ? Object.keys(value["models"]) : [];

/** The entries that have the form of a deployment. What is wrong with the others is told by the schema, and they hide no other mistake. */
function entriesOf(value: unknown): { model: string; index: number; deployment: Deployment }[] {
  const models = isPlainObject(value) && isPlainObject(value["models"]) ? value["models"] : {};
  return Object.entries(models).flatMap(([model, entry]) => {
    const list = isPlainObject(entry) ? entry["deployments"] : undefined;
    return (Array.isArray(list) ? list : []).flatMap((one: unknown, index) => {
      const read = deploymentSchema.safeParse(one);
      return read.success ? [{ model, index, deployment: read.data }] : [];
    });
  });
}
