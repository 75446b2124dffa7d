export { describeWithS3 } from "./describe-with-s3.ts";
export { freePort } from "./free-port.ts";
export { listeningPort } from "./listening-port.ts";
export { testRedisUrl, testS3 } from "./provided-services.ts";
export { type PrivateRedis, startRedis, type StartRedisOptions } from "./redis-process.ts";
export { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";
export { temporaryFolder } from "./temporary-folder.ts";
export type { TestS3Settings } from "./test-s3-settings.ts";
