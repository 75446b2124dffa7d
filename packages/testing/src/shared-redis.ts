import { startRedis } from "./redis-process.ts";
import { redisBinary } from "./redis-binary.ts";
import type { SharedService } from "./shared-service.ts";

const defaultImage = "redis:8";
/** Shared by all tests and gone after them: nothing is written to disk. */
const serverArguments = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"];

/** The Redis that all test files share: `TEST_REDIS_URL`, else a container, else a process of our own. */
export async function sharedRedis(
  env: NodeJS.ProcessEnv,
  docker: () => Promise<boolean>,
): Promise<SharedService<string>> {
  const url = env["TEST_REDIS_URL"];
  if (url) return { value: url, stop: async () => {} };
  if (await docker()) {
    const image = env["TEST_REDIS_IMAGE"] || defaultImage;
    try {
      return await redisContainer(image);
    } catch (error) {
      if (redisBinary() === null) throw error;
      console.warn(`Redis for tests: the image ${image} did not start, so a local process stands in. ${String(error)}`);
    }
  }
  if (redisBinary() === null) {
    throw new Error(
      "The tests need a Redis. Set TEST_REDIS_URL, or start Docker, or install redis-server " +
        "(apt-get install redis-server, or brew install redis).",
    );
  }
  const redis = await startRedis({ persist: false });
  return { value: redis.url, stop: redis.stop };
}

async function redisContainer(image: string): Promise<SharedService<string>> {
  const { GenericContainer, Wait } = await import("testcontainers");
  const container = await new GenericContainer(image)
    .withCommand(["redis-server", "--protected-mode", "no", ...serverArguments])
    .withExposedPorts(6379)
    .withWaitStrategy(Wait.forLogMessage("Ready to accept connections"))
    .start();
  return {
    value: `redis://${container.getHost()}:${container.getMappedPort(6379)}`,
    stop: async () => void (await container.stop()),
  };
}
