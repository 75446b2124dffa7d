import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
  type PutBucketLifecycleConfigurationCommandInput,
  PutBucketPolicyCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { describeWithS3 } from "@darkroom/testing";
import { expect, onTestFinished, test } from "vitest";
import { createS3Store } from "./s3-store.ts";

const document = readFileSync(new URL("../../../../docs/configuration.md", import.meta.url), "utf8");

/** A file that the documentation says to put on the bucket. */
function documented(file: string): string {
  const [, found] = new RegExp(`^\`${file}\`\\n\\n\`\`\`json\\n([\\s\\S]*?)^\`\`\`$`, "m").exec(document) ?? [];
  if (found === undefined) throw new Error(`docs/configuration.md has no ${file}`);
  return found;
}

describeWithS3("a bucket that is public", ({ accessKeyId, secretAccessKey, ...place }) => {
  const credentials = { accessKeyId, secretAccessKey };

  /** A bucket of this test's own, with the policy, and where anybody reads in it. */
  async function openBucket(policyOf: (bucket: string) => string | undefined) {
    const bucket = `public-${randomUUID()}`;
    const publicBaseUrl = `${place.endpoint}/${bucket}`;
    const client = new S3Client({ ...place, credentials });
    const store = createS3Store({ ...place, bucket, credentials, publicBaseUrl, createBucket: false });
    const keys = ["_images/gen_1/1-0.png", "_ledger/2026-11-30/0000000000.jsonl", "acme/files/file-1"];
    onTestFinished(async () => {
      await store.delete(keys);
      await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      await store.close();
      client.destroy();
    });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    const policy = policyOf(bucket);
    if (policy !== undefined) await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: policy }));
    for (const key of keys) await store.put(key, Buffer.from(key), { contentType: "image/png" });
    const statuses = async () => Promise.all(keys.map(async (key) => (await fetch(`${publicBaseUrl}/${key}`)).status));
    return { bucket, client, store, publicBaseUrl, statuses };
  }

  const openToAll = (bucket: string) =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::${bucket}/*` }],
    });

  test("as a whole is found out, in the bucket itself and by way of its public address", async () => {
    const { store, publicBaseUrl, statuses } = await openBucket(openToAll);
    expect(await statuses()).toEqual([200, 200, 200]);
    expect(new Set(await store.publicAddresses())).toEqual(new Set([`${publicBaseUrl}/`]));
  });

  test("by the policy of docs/configuration.md shows images to everybody, and nothing else", async () => {
    const { store, statuses } = await openBucket((bucket) =>
      documented("policy.json").replaceAll(":::images/", `:::${bucket}/`),
    );
    expect(await statuses()).toEqual([200, 403, 403]);
    expect(await store.publicAddresses()).toEqual([]);
  });

  test("takes the rule of docs/configuration.md for what nobody removed", async () => {
    const { bucket, client } = await openBucket(() => undefined);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server refuses what is none
    const rules = JSON.parse(
      documented("lifecycle.json"),
    ) as PutBucketLifecycleConfigurationCommandInput["LifecycleConfiguration"];
    await client.send(new PutBucketLifecycleConfigurationCommand({ Bucket: bucket, LifecycleConfiguration: rules }));
    const { Rules } = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket: bucket }));
    expect(Rules?.find(({ Expiration }) => Expiration?.Days === 60)).toMatchObject({
      Status: "Enabled",
      Filter: { Prefix: "_images/" },
    });
    expect(Rules).toHaveLength(2);
  });
});
