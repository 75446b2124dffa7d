import { createServer, type ServerResponse } from "node:http";
import { listeningPort } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { startStack } from "./stack.ts";

const listSchema = z.object({ data: z.array(z.object({ status: z.string(), attempts: z.number() })) });

test("a worker that was frozen while it posted a webhook writes nothing over what another has delivered meanwhile", async () => {
  const first = Promise.withResolvers<ServerResponse>();
  let posts = 0;
  const receiver = createServer((request, response) => {
    request.resume();
    posts++;
    if (posts === 1) first.resolve(response);
    else response.writeHead(204).end();
  });
  const port = await listeningPort(receiver.listen(0, "127.0.0.1"));
  onTestFinished(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  const stack = await startStack({
    environment: {
      WEBHOOK_SIGNING_SECRET: "a signing secret for tests, long enough",
      WEBHOOK_ALLOW_PRIVATE: "true",
      WEBHOOK_ALLOW_INSECURE: "true",
    },
  });
  const deliveries = async () => {
    const headers = { authorization: `Bearer ${stack.apiKey}` };
    const answer = await fetch(`${stack.origin}/v1/webhooks/deliveries`, { headers });
    return listSchema.parse(await answer.json()).data;
  };
  const draw = () =>
    stack.generate({ model: "dall-e-2", prompt: "a cat", job: { webhook: `http://127.0.0.1:${port}/hook` } });

  expect((await draw()).status).toBe(200);
  const held = await first.promise;
  const [frozen] = stack.workers;
  if (frozen === undefined) throw new Error("There is no worker");
  process.kill(frozen.pid, "SIGSTOP");
  // It reads this when it is thawed: the receiver wants no more webhooks.
  held.writeHead(410).end();
  await stack.startWorker();
  await expect.poll(deliveries).toMatchObject([{ status: "delivered" }]);

  process.kill(frozen.pid, "SIGCONT");
  // Whichever it does first: read the answer, find that its time was over, or renew its lease.
  await Promise.race([
    frozen.logged("The receiver answered 410"),
    frozen.logged("The receiver did not answer within"),
    frozen.logged("Another worker has taken a webhook over"),
  ]);
  await frozen.end("SIGTERM");
  expect(await deliveries()).toMatchObject([{ status: "delivered", attempts: 1 }]);
  // Nor is the address off.
  expect((await draw()).status).toBe(200);
  await expect.poll(deliveries).toMatchObject([{ status: "delivered" }, { status: "delivered" }]);
});
