import { execFile, spawnSync } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export type SmallDisk = {
  /** Its top folder. */
  folder: string;
  /** Takes all the room that is left, in a file of its own: who writes from now on is told ENOSPC. */
  fill: () => Promise<void>;
  /** Gives that room back. */
  free: () => Promise<void>;
  /** Takes the disk away, with all that is on it, also while somebody has a file open on it. */
  close: () => Promise<void>;
};

const mount = (folder: string, bytes: number) => ["-t", "tmpfs", "-o", `size=${bytes},mode=0700`, "darkroom", folder];

/** Whether this machine lets us mount a disk: Linux, as root. */
export async function hasSmallDisks(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-disk-"));
  const mounted = spawnSync("mount", mount(folder, 65_536)).status === 0;
  if (mounted) spawnSync("umount", ["--lazy", folder]);
  await rm(folder, { recursive: true, force: true });
  return mounted;
}

/** A disk of so many bytes, in memory, which a test can really fill. */
export async function openSmallDisk(bytes: number): Promise<SmallDisk> {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-disk-"));
  await run("mount", mount(folder, bytes));
  const filling = join(folder, "filling");
  return {
    folder,
    async fill() {
      const file = await open(filling, "w");
      // Large pieces first, and then what is left, byte by byte of a page.
      try {
        for (let size = 1_048_576; size >= 1;) {
          const { bytesWritten } = await file.write(Buffer.alloc(size, 1)).catch((error: unknown) => {
            if (error instanceof Error && "code" in error && error.code === "ENOSPC") return { bytesWritten: 0 };
            throw error;
          });
          if (bytesWritten < size) size = Math.floor(size / 2);
        }
      } finally {
        await file.close();
      }
    },
    free: () => rm(filling, { force: true }),
    async close() {
      await run("umount", ["--lazy", folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
