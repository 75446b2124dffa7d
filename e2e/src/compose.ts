import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { freePort } from "@darkroom/testing";

const checkout = resolve(import.meta.dirname, "../..");
/** A build without a cache, which downloads the base image and the dependencies, takes minutes on a slow line. */
const timeoutMs = 900_000;
const maxBuffer = 64 * 1_024 * 1_024;

/** Where the engine is, and how to reach it. */
const engine = [
  "PATH",
  "HOME",
  "DOCKER_HOST",
  "DOCKER_BUILDKIT",
  "DOCKER_CONFIG",
  "DOCKER_CERT_PATH",
  "DOCKER_TLS_VERIFY",
];

function environment(own: Record<string, string> = {}): Record<string, string> {
  const passedOn = engine.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []));
  return { ...Object.fromEntries(passedOn), ...own };
}

/** Runs a program to its end, in the checkout, and returns what it prints. Throws with both outputs when it fails. */
async function run(command: readonly string[], own?: Record<string, string>): Promise<string> {
  const [program = "", ...args] = command;
  const options = { cwd: checkout, env: environment(own), timeout: timeoutMs, maxBuffer };
  const { stdout } = await promisify(execFile)(program, args, options);
  return stdout.trim();
}

const succeeds = (command: readonly string[]) =>
  run(command).then(
    () => true,
    () => false,
  );

/** Docker's own Compose, or the older program of the same name; null where there is neither. */
async function findCompose(): Promise<string[] | null> {
  for (const command of [["docker", "compose"], ["docker-compose"]])
    if (await succeeds([...command, "version"])) return command;
  return null;
}

/**
 * Whether a Docker engine with Compose answers. False, and said aloud, where there is none on a person's machine; throws where `CI` is
 * set, since a check that is skipped there is not made anywhere. `TEST_WITHOUT_DOCKER=true` is for a build server that lets nobody run one.
 */
export async function hasCompose(): Promise<boolean> {
  const hasEngine = await succeeds(["docker", "version", "--format", "{{.Server.Version}}"]);
  if (hasEngine && (await findCompose()) !== null) return true;
  const problem = hasEngine
    ? "There is no Compose (https://docs.docker.com/compose/install, or apt-get install docker-compose)."
    : "No Docker engine answers (https://docs.docker.com/engine/install). DOCKER_HOST says where one is.";
  const mayBeMissing = process.env["TEST_WITHOUT_DOCKER"] === "true";
  if (process.env["CI"] && !mayBeMissing)
    throw new Error(`CI is set, and docker-compose.yml cannot be run. ${problem}`);
  console.warn(`\n⚠  SKIPPED: docker-compose.yml in real containers. ${problem}\n`);
  return false;
}

export type Compose = {
  /** Runs Compose with these arguments and returns what it prints. */
  run(...args: readonly string[]): Promise<string>;
  /** The containers of a service that exist, in the order of their numbers. */
  containers(service: string): Promise<string[]>;
  /** The origins at which this machine reaches the apis. */
  apis(): Promise<string[]>;
  /** Removes containers, networks, volumes and the image. */
  remove(): Promise<void>;
};

/** Runs `docker` and returns what it prints. */
export const docker = (...args: readonly string[]): Promise<string> => run(["docker", ...args]);

export type ComposeOptions = {
  /** Files that are merged over `docker-compose.yml`, absolute or from the checkout's top. */
  files: readonly string[];
  variables: Record<string, string>;
};

/**
 * `docker-compose.yml` under a project name and on ports of its own. `TEST_COMPOSE_ENV_FILE` names a file of variables for it, such as
 * the images of a machine that reaches no registry.
 */
export async function createCompose({ files, variables }: ComposeOptions): Promise<Compose> {
  const command = await findCompose();
  if (command === null) throw new Error("There is no Compose.");
  const project = `darkroom-test-${randomBytes(4).toString("hex")}`;
  const s3Port = String(await freePort());
  const own = {
    ...variables,
    DARKROOM_IMAGE: project,
    // Any free port for each api.
    API_PORTS: "0",
    S3_PUBLIC_PORT: s3Port,
    S3_PUBLIC_ENDPOINT: `http://127.0.0.1:${s3Port}`,
  };
  const envFile = process.env["TEST_COMPOSE_ENV_FILE"];
  const inProject = [
    ...command,
    ...(envFile ? ["--env-file", envFile] : []),
    "--project-name",
    project,
    ...["docker-compose.yml", ...files].flatMap((file) => ["--file", file]),
  ];
  const compose = (...args: readonly string[]) => run([...inProject, ...args], own);
  const containers = async (service: string) => {
    const ids = (await compose("ps", "--quiet", service)).split("\n").filter(Boolean);
    const named = await Promise.all(
      ids.map(async (id) => [await docker("inspect", "-f", "{{.Name}}", id), id] as const),
    );
    return named.toSorted(([a], [b]) => a.localeCompare(b)).map(([, id]) => id);
  };
  return {
    run: compose,
    containers,
    async apis() {
      const ids = await containers("api");
      return Promise.all(ids.map(async (id) => `http://${(await docker("port", id, "4000/tcp")).split("\n")[0]}`));
    },
    async remove() {
      await compose("down", "--volumes", "--remove-orphans", "--timeout", "0");
      await docker("image", "rm", "--force", project);
    },
  };
}
