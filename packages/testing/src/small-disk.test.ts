import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { hasSmallDisks, openSmallDisk } from "./small-disk.ts";

test.skipIf(!(await hasSmallDisks()))(
  "a disk that is filled takes not one byte more, and takes some when it is freed",
  async () => {
    const disk = await openSmallDisk(1_048_576);
    onTestFinished(disk.close);
    const file = join(disk.folder, "file");
    await writeFile(file, "x".repeat(4_096));
    await disk.fill();
    await expect(appendFile(file, "x")).rejects.toMatchObject({ code: "ENOSPC" });
    await disk.free();
    await appendFile(file, "x".repeat(500_000));
    await disk.fill();
    await expect(writeFile(join(disk.folder, "other"), "x")).rejects.toMatchObject({ code: "ENOSPC" });
  },
);
