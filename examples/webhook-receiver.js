// Receives webhooks, verifies their signatures and prints how each generation ended.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const { BASE_URL = "http://127.0.0.1:4000/v1", API_KEY, PORT = "8080" } = process.env;
const answer = await fetch(`${BASE_URL}/webhooks/secret`, { headers: { authorization: `Bearer ${API_KEY}` } });
if (!answer.ok) throw new Error(`The secret of the webhooks: ${answer.status} ${await answer.text()}`);
const { secret } = await answer.json();
const webhook = new Webhook(secret);

const server = createServer((request, response) => {
  receive(request).then(
    () => response.writeHead(204).end(),
    // Anything but 2xx is tried again later, so a forged call is refused as such and our own fault is a 500.
    (error) => response.writeHead(error instanceof WebhookVerificationError ? 400 : 500).end(),
  );
});

async function receive(request) {
  // The signature covers the bytes as they came. Parse them only after it was verified.
  const body = await text(request);
  const event = webhook.verify(body, request.headers);
  // The same event may come twice. A real receiver remembers the header "webhook-id" and ignores the second one.
  console.log(event.type, event.data.id);
}

server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`Listening on http://127.0.0.1:${server.address().port}`);
});
