import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { listeningPort } from "@darkroom/testing";

/** What a call to a store of the same region takes, in milliseconds. */
const callMs = 20;

/** An S3 server that holds nothing but what the worker tries out at its start, takes 20 ms for each call, and counts what it removes. */
export async function startSlowS3() {
  const objects = new Map<string, Buffer>();
  /** How often each object was to be removed. */
  const removed = new Map<string, number>();
  let calls = 0;

  const remove = (path: string) => {
    objects.delete(path);
    removed.set(path, (removed.get(path) ?? 0) + 1);
  };

  const server = createServer(async (request, response) => {
    const { method = "", url = "" } = request;
    const body = await buffer(request);
    await pause(callMs);
    const [path = "", query = ""] = url.split("?");
    if (method === "PUT") objects.set(path, body);
    const isOfMany = method === "POST" && /^delete\b/.test(query);
    if (isOfMany || method === "DELETE") calls++;
    if (isOfMany) for (const [, key] of body.toString().matchAll(/<Key>([^<]+)<\/Key>/g)) remove(`${path}${key}`);
    if (method === "DELETE") remove(path);
    const found = objects.get(path);
    if (isOfMany) response.writeHead(200, { "content-type": "application/xml" }).end("<DeleteResult/>");
    else if (method === "DELETE") response.writeHead(204).end();
    else if (method === "PUT") response.writeHead(200).end();
    else if (found === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-length": found.length }).end(method === "HEAD" ? undefined : found);
  });
  const port = await listeningPort(server.listen(0, "127.0.0.1"));

  return {
    environment: {
      STORAGE: "s3",
      S3_ENDPOINT: `http://127.0.0.1:${port}`,
      S3_BUCKET: "images",
      S3_REGION: "us-east-1",
      S3_ACCESS_KEY_ID: "id",
      S3_SECRET_ACCESS_KEY: "secret",
      S3_FORCE_PATH_STYLE: "true",
      S3_CREATE_BUCKET: "false",
    },
    /** Calls that remove something. */
    calls: () => calls,
    /** How often the object under a key was to be removed. */
    timesRemoved: (key: string) => removed.get(`/images/${key}`) ?? 0,
    async close(): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}
