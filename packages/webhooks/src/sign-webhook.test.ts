import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { signWebhook } from "./sign-webhook.ts";
import { webhookSecret } from "./webhook-secret.ts";

const [current, previous, other] = ["a", "b", "c"].map((letter) => webhookSecret(letter.repeat(32), "key_1"));
if (current === undefined || previous === undefined || other === undefined) throw new Error("no secrets");
const message = { id: "msg_1", sentAtMs: Date.now(), body: '{"a":"ü"}' };

test("a receiver with the new or with the old secret accepts, one with another does not", () => {
  const headers = signWebhook(message, [current, previous]);
  expect(headers["webhook-signature"]).toMatch(/^v1,\S{44} v1,\S{44}$/);
  expect(new Webhook(current).verify(message.body, headers)).toEqual({ a: "ü" });
  expect(new Webhook(previous).verify(message.body, headers)).toEqual({ a: "ü" });
  expect(() => new Webhook(other).verify(message.body, headers)).toThrow("No matching signature");
});

test("the signature is what the specification says: HMAC-SHA256 of id.timestamp.body", () => {
  const headers = signWebhook({ ...message, sentAtMs: 1_700_000_000_999 }, [current]);
  const key = Buffer.from(current.slice("whsec_".length), "base64");
  const digest = createHmac("sha256", key).update(`msg_1.1700000000.${message.body}`).digest("base64");
  expect(headers).toEqual({
    "webhook-id": "msg_1",
    "webhook-timestamp": "1700000000",
    "webhook-signature": `v1,${digest}`,
  });
});

test("the receiver that docs/webhooks.md shows accepts a signed webhook", () => {
  const page = readFileSync(new URL("../../../docs/webhooks.md", import.meta.url), "utf8");
  const [, example = ""] = /```js\n(.*?)```/s.exec(page) ?? [];
  const given = JSON.stringify({ secret: current, body: message.body, headers: signWebhook(message, [current]) });
  const printed = execFileSync(process.execPath, ["--input-type=module"], {
    input: `const { secret, body, headers } = ${given};\n${example}\nconsole.log(JSON.stringify(event));`,
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  expect(JSON.parse(printed)).toEqual({ a: "ü" });
});

test("nothing goes out unsigned", () => {
  expect(() => signWebhook(message, [])).toThrow("needs a secret");
});
