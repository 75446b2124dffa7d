import { type Deployment, type SecretSource } from "./deployment-schema.ts";
import { DeploymentFault } from "./parse-deployments.ts";
import { readSmallFile } from "./read-small-file.ts";

/** A variable of the environment of this process. */
export type ReadVariable = (name: string) => string | undefined;

/** What a header may hold. A key that has more fails each call, as if the upstream could not be reached. */
const sendable = /^[\t\x20-\x7E]*$/;

/** Reads a secret. Throws `DeploymentFault`, whose words name its place and never its value. */
export function readSecret(source: SecretSource, field: keyof Deployment, readVariable: ReadVariable): string {
  const place = "env" in source ? `the environment variable ${source.env}` : `the file ${source.file}`;
  const value = ("env" in source ? (readVariable(source.env) ?? "") : textOf(source.file, field)).trim();
  if (value === "") throw new DeploymentFault(field, `${place} ${"env" in source ? "is not set" : "is empty"}`);
  if (!sendable.test(value)) {
    throw new DeploymentFault(
      field,
      `${place} cannot be sent in a header: it has several lines, or a sign that is not ASCII`,
    );
  }
  return value;
}

function textOf(file: string, field: keyof Deployment): string {
  try {
    return readSmallFile(file);
  } catch (error) {
    throw new DeploymentFault(field, `the file ${error instanceof Error ? error.message : file}`);
  }
}
