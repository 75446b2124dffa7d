import { createSpool } from "./spool.ts";
import { sha256Of, SpooledBytes } from "./spooled-bytes.ts";

/** A program that spools a megabyte where no file may be as long. It prints what became of it. */

// By default this signal ends a process whose file becomes too long. Without it the write fails, as on a full disk.
process.on("SIGXFSZ", () => {});
const errors: unknown[] = [];
const spool = createSpool({ onDiskError: (error) => errors.push(error) });
const clock = { stop: () => {}, start: () => {} };
const writer = spool.newWriter(spool.newGuest({ signal: new AbortController().signal, clock }));
for (let i = 0; i < 32; i++) await writer.write(Buffer.alloc(32 * 1024, i));
const bytes = await writer.finish();
process.stdout.write(
  JSON.stringify({
    isOnDisk: bytes instanceof SpooledBytes && bytes.path !== undefined,
    sha256: sha256Of(bytes),
    usedBytes: spool.usedBytes(),
    errors: errors.map(String),
  }),
);
