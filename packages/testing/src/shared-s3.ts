import { ensureBucket } from "./ensure-bucket.ts";
import type { SharedService } from "./shared-service.ts";
import { type TestS3Settings, testS3Settings } from "./test-s3-settings.ts";

/** The server of `docker-compose.yml`. It takes its keys and its command as below; another image takes its own. */
const defaultImage = "chrislusf/seaweedfs:4.44";
const defaultCommand = "mini -dir=/data -admin.ui=false -webdav=false -master.telemetry=false";
const defaultPort = 8333;
/** Some servers make a whole cluster before they answer, which takes a minute on a busy machine. */
const startupTimeoutMs = 240_000;

/**
 * The S3 that all test files share: `TEST_S3_ENDPOINT` with its keys, else a container, else null. The container is set by
 * `TEST_S3_IMAGE`, `TEST_S3_IMAGE_PORT` (8333), `TEST_S3_IMAGE_COMMAND`, and its keys by `TEST_S3_ACCESS_KEY_ID` and
 * `TEST_S3_SECRET_ACCESS_KEY`.
 */
export async function sharedS3(
  env: NodeJS.ProcessEnv,
  docker: () => Promise<boolean>,
): Promise<SharedService<TestS3Settings | null>> {
  if (env["TEST_S3_ENDPOINT"]) {
    const settings = testS3Settings(env, {
      endpoint: env["TEST_S3_ENDPOINT"],
      accessKeyId: required(env, "TEST_S3_ACCESS_KEY_ID"),
      secretAccessKey: required(env, "TEST_S3_SECRET_ACCESS_KEY"),
    });
    await ensureBucket(settings);
    return { value: settings, stop: async () => {} };
  }
  const none = { value: null, stop: async () => {} };
  if (!(await docker())) return none;
  try {
    return await s3Container(env);
  } catch (error) {
    console.warn(`S3 for tests: the container did not start. ${String(error)}`);
    return none;
  }
}

async function s3Container(env: NodeJS.ProcessEnv): Promise<SharedService<TestS3Settings>> {
  const { GenericContainer, Wait } = await import("testcontainers");
  const image = env["TEST_S3_IMAGE"] || defaultImage;
  const command = env["TEST_S3_IMAGE_COMMAND"] || (image === defaultImage ? defaultCommand : "");
  const port = Number(env["TEST_S3_IMAGE_PORT"] || defaultPort);
  const accessKeyId = env["TEST_S3_ACCESS_KEY_ID"] || "darkroom-tests";
  const secretAccessKey = env["TEST_S3_SECRET_ACCESS_KEY"] || "darkroom-tests-secret";
  const container = new GenericContainer(image)
    .withEnvironment({ AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey })
    .withStartupTimeout(startupTimeoutMs)
    .withExposedPorts(port)
    // 403 is the usual answer to an unauthenticated request: the server is up.
    .withWaitStrategy(Wait.forHttp("/", port).forStatusCodeMatching((status) => status < 500));
  if (command) container.withCommand(command.split(" "));
  const started = await container.start();
  try {
    const endpoint = `http://${started.getHost()}:${started.getMappedPort(port)}`;
    const settings = testS3Settings(env, { endpoint, accessKeyId, secretAccessKey });
    await ensureBucket(settings);
    return { value: settings, stop: async () => void (await started.stop()) };
  } catch (error) {
    await started.stop();
    throw error;
  }
}

function required(env: NodeJS.ProcessEnv, name: string): string {
  const value = env[name];
  if (!value) throw new Error(`TEST_S3_ENDPOINT is set but ${name} is not: set both keys, or neither of the three.`);
  return value;
}
