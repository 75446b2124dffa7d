import { readFileSync } from "node:fs";
import { type Deployment, type SecretSource } from "./deployment-schema.ts";
import { DeploymentFault } from "./parse-deployments.ts";

/** A variable of the environment of this process. */
export type ReadVariable = (name: string) => string | undefined;

/** Reads a secret. Throws `DeploymentFault`, whose words name its place and never its value. */
export function readSecret(source: SecretSource, field: keyof Deployment, readVariable: ReadVariable): string {
  if ("env" in source) {
    const value = readVariable(source.env);
    if (value === undefined || value === "") {
      throw new DeploymentFault(field, `the environment variable ${source.env} is not set`);
    }
    return value;
  }
  const value = textOf(source.file, field).trim();
  if (value === "") throw new DeploymentFault(field, `the file ${source.file} is empty`);
  return value;
}

function textOf(file: string, field: keyof Deployment): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new DeploymentFault(field, `the file ${file} cannot be read: ${error instanceof Error ? error.message : ""}`);
  }
}
