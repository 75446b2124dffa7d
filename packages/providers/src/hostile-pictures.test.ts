import { readFile } from "node:fs/promises";
import { fakeImage, hostilePictures } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { startExaminer } from "./start-examiner.ts";

/** What a process has used since it started: seconds of CPU, and the most memory. Linux counts time in hundredths of a second. */
async function usageOf(pid: number | undefined) {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, "utf8"),
    readFile(`/proc/${pid}/status`, "utf8"),
  ]);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const peakKilobytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]);
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, peakMebibytes: peakKilobytes / 1024 };
}

describe.skipIf(process.platform !== "linux")(
  "of the process that decodes it, takes less than 2 s of CPU and 100 MiB",
  () => {
    test.each(hostilePictures)("$name", async ({ make, refused }) => {
      const { signal } = new AbortController();
      const examiner = startExaminer({ idleMs: 60_000 });
      onTestFinished(() => examiner.end());
      await examiner.examine(await fakeImage(8, 8, "png"), signal);
      const before = await usageOf(examiner.pid);

      const bytes = await make();
      const examination = await examiner.examine(bytes, signal);

      const after = await usageOf(examiner.pid);
      const outcome = "unusable" in examination ? examination.unusable : Object.keys(examination).join(" ");
      expect(outcome).toContain(refused ?? "facts");
      expect(after.cpuSeconds - before.cpuSeconds).toBeLessThan(2);
      // Apart from its own bytes, which are there twice while it is sent.
      const mebibytes = after.peakMebibytes - before.peakMebibytes - (2 * bytes.length) / 1024 ** 2;
      expect(mebibytes).toBeLessThan(100);
    });
  },
);
