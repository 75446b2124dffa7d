import { maxFileBytes } from "@darkroom/contracts";
import { describeWithS3, temporaryFolder, s3Environment } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { apiKey, clearRedis } from "../../api.fixture.ts";
import { residentBytes, startProcess } from "../../process.fixture.ts";
import { fileHead, head, startUpload, tail } from "./files.fixture.ts";

const block = Buffer.alloc(1_000_000, `${"x".repeat(99)}\n`);

function describeMemory(name: string, storageEnvironment: () => Promise<Record<string, string>>): void {
  test(`a file of 200 MB passes through the process into ${name} and back without being held in its memory`, async () => {
    const prefix = `test-upload-${process.pid}-${name.length}`;
    onTestFinished(() => clearRedis(prefix));
    const { child, baseUrl: listening } = startProcess({ QUEUE_PREFIX: prefix, ...(await storageEnvironment()) });
    const baseUrl = await listening;
    let peak = 0;
    const look = () => (peak = Math.max(peak, residentBytes(child.pid ?? 0)));

    /** The most that the process held while the file came in and went out again. */
    async function peakOf(bytes: number): Promise<number> {
      peak = 0;
      const { sending, write, answered } = startUpload({ baseUrl });
      await write(head + fileHead);
      for (let left = bytes; left > 0; left -= block.length) {
        await write(block.subarray(0, left));
        if (left % 2_000_000 === 0) look();
      }
      await write(tail);
      sending.end();
      const { status, body } = await answered;
      expect([status, body]).toMatchObject([200, { bytes }]);

      const url = `${baseUrl}/v1/files/${body.id}`;
      const headers = { authorization: `Bearer ${apiKey}` };
      const content = await fetch(`${url}/content`, { headers });
      let received = 0;
      let looks = 0;
      for await (const chunk of content.body ?? []) {
        received += chunk.length;
        if (received > looks * 2_000_000 && ++looks) look();
      }
      expect(received).toBe(bytes);
      expect((await fetch(url, { method: "DELETE", headers })).status).toBe(200);
      return peak;
    }

    // Ten megabytes at a time bring the process to its working size. 200 added 12 MB where they were measured; held, they would add 200.
    const small = [await peakOf(10_000_000), await peakOf(10_000_000), await peakOf(10_000_000)];
    const whole = await peakOf(maxFileBytes);
    expect(whole - Math.max(...small)).toBeLessThan(80_000_000);
  });
}

describe("memory", () => {
  describeMemory("a folder", async () => ({ STORAGE: "filesystem", STORAGE_DIRECTORY: await temporaryFolder() }));
});
describeWithS3("memory", (s3) => {
  describeMemory("S3", async () => s3Environment(s3, { prefix: "upload-memory" }));
});
