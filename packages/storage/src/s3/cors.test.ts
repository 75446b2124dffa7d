import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  PutBucketCorsCommand,
  type PutBucketCorsCommandInput,
  S3Client,
} from "@aws-sdk/client-s3";
import { describeWithS3 } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createS3Store } from "./s3-store.ts";

const origin = "https://app.example.com";

/** The rule that the documentation says to put on the bucket. */
function documentedRules(): PutBucketCorsCommandInput["CORSConfiguration"] {
  const document = readFileSync(new URL("../../../../docs/configuration.md", import.meta.url), "utf8");
  const block = /^`cors\.json`\n\n```json\n([\s\S]*?)^```$/m.exec(document)?.[1] ?? "";
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server refuses what is none
  return JSON.parse(block) as PutBucketCorsCommandInput["CORSConfiguration"];
}

describeWithS3("the CORS rule of docs/configuration.md", ({ accessKeyId, secretAccessKey, ...place }) => {
  test("lets a page of its origin read an image by its link, and no other page", async () => {
    const bucket = `cors-${randomUUID()}`;
    const settings = { ...place, bucket, credentials: { accessKeyId, secretAccessKey }, createBucket: false };
    const client = new S3Client({ ...place, credentials: settings.credentials });
    const store = createS3Store(settings);
    onTestFinished(async () => {
      await store.delete(["0.png"]);
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      await store.close();
      client.destroy();
    });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    await client.send(new PutBucketCorsCommand({ Bucket: bucket, CORSConfiguration: documentedRules() }));
    await store.put("0.png", Buffer.from("an image"), { contentType: "image/png" });
    const link = await store.link("0.png", { expiresInSeconds: 60 });

    const mayRead = async (from: string) => {
      const answer = await fetch(link, { headers: { origin: from } });
      expect(await answer.text()).toBe("an image");
      return [origin, "*"].includes(answer.headers.get("access-control-allow-origin") ?? "");
    };
    expect([await mayRead(origin), await mayRead("https://elsewhere.example")]).toEqual([true, false]);
    const asked = { origin, "access-control-request-method": "GET", "access-control-request-headers": "range" };
    const preflight = await fetch(link, { method: "OPTIONS", headers: asked });
    expect([preflight.status, preflight.headers.get("access-control-allow-methods")]).toEqual([
      200,
      expect.stringContaining("GET"),
    ]);
  });
});
