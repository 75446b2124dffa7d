import { addUsage, derivedUlid, type Usage } from "@darkroom/contracts";
import type { FileStore } from "@darkroom/files";
import { batchObjects } from "../records/batch-objects.ts";
import type { BatchRecord } from "../records/batch-record.ts";
import type { BatchStore } from "../records/batch-store.ts";
import type { Logger } from "@darkroom/runtime";
import type { ObjectStore } from "@darkroom/storage";
import type { CatalogueOf } from "../catalogue-of.ts";
import { type FinalLine, finalLines } from "./final-lines.ts";
import { createLineFile } from "./line-file.ts";
import { createOutputLines, type OutputLine, UnreadImagesError } from "./output-line.ts";
import { createPatientReader } from "./patient-reader.ts";

export type FinalizeBatchOptions = {
  batches: Pick<BatchStore, "read" | "finish">;
  objects: Pick<ObjectStore, "get" | "head" | "link">;
  files: Pick<FileStore, "create">;
  /** The catalogue that a batch was accepted by. */
  catalogueOf: CatalogueOf;
  /** How long the links in the output work. */
  linkTtlSeconds?: number;
  /** How many bytes of base64 the output may have. Images that come when it is full are links. */
  inlineBytes?: number;
  /** How long all that the store refuses is asked for again, while it gives out other objects, in milliseconds. */
  patienceMs?: number;
  log: Logger;
};

/** The longest time that a store can sign for. The output is read long after the batch has ended, and links are nowhere else. */
const secondsPerWeek = 604_800;
/**
 * An output of 50,000 images of 2 MB in base64 has 133 GB. Images beyond that are links, because a batch whose file the store cannot take
 * would have no output. 10 GB for everything else are 200 kB for each of 50,000 lines.
 */
const mostInlineBytes = 150_000_000_000;
const expectedBytes = 160_000_000_000;

/** As long as a worker sends a bought image again that the store refuses. It is paid for, and nobody but this batch names it. */
const usualPatienceMs = 300_000;

/**
 * Returns the function that writes the output of a batch: every line exactly once, in the output file or in the error file. It does nothing
 * for a batch that is not ready. It may be repeated after a crash at any point, also while another run is at work: the ids of the files
 * are derived from that of the batch, so the later file replaces the earlier, and the batch ends once.
 *
 * Throws the error of a store that is away. An object that the store refuses while it gives out others costs its line, and not the batch: the
 * lines with such images come last, are tried again for a while, and are errors after that.
 */
export function createFinalizeBatch(options: FinalizeBatchOptions) {
  const { batches, objects, files, catalogueOf, linkTtlSeconds = secondsPerWeek, log } = options;
  const { inlineBytes = mostInlineBytes, patienceMs = usualPatienceMs } = options;

  return async (batchId: string, signal: AbortSignal): Promise<void> => {
    const batch = await batches.read(batchId);
    if (batch === null || !isDue(batch)) return;

    const { tenant, outputSeconds: expiresInSeconds } = batch;
    const fileId = (name: string) => `file-${derivedUlid(batchId, name)}`;
    const openFile = (name: "output" | "error") =>
      createLineFile((body) => {
        const filename = `${batchId}_${name}.jsonl`;
        const purpose = "batch_output";
        return files.create({ id: fileId(name), tenant, purpose, filename, body, expectedBytes, expiresInSeconds });
      }, signal);

    const [output, error] = [openFile("output"), openFile("error")];
    const model = batch.model === null ? undefined : (await catalogueOf(batch)).find(batch.model);
    const outputLine = createOutputLines({ batch, model, objects, linkTtlSeconds, inlineBytes });
    const reader = createPatientReader({
      objects,
      absentKey: batchObjects(tenant, batchId).faults,
      patienceMs,
      signal,
    });
    let usage: Usage | undefined;
    async function write(line: FinalLine, { file, text }: OutputLine): Promise<void> {
      await (file === "output" ? output : error).write(text);
      const counted = file === "output" && line.kind === "ended" ? line.result.delivery?.usage : undefined;
      if (counted !== undefined) usage = usage === undefined ? counted : addUsage(usage, counted);
    }
    const refused: FinalLine[] = [];
    try {
      for await (const line of finalLines({ batch, reader, log, signal })) {
        const made = await outputLine(line).catch((reason: unknown) => {
          if (!(reason instanceof UnreadImagesError)) throw reason;
          return null;
        });
        if (made === null) refused.push(line);
        else await write(line, made);
      }
      for (const line of refused) {
        const made = await reader
          .insist(() => outputLine(line))
          .catch((reason: unknown) => {
            if (!(reason instanceof UnreadImagesError)) throw reason;
            const { index } = line;
            log.error(
              { batchId, tenant, index, err: reason.cause },
              "The store does not give out the images of a line",
            );
            return outputLine(line, true);
          });
        await write(line, made);
      }
      const [hasOutput, hasErrors] = await Promise.all([output.end(), error.end()]);
      await batches.finish(batch, {
        outputFileId: hasOutput ? fileId("output") : null,
        errorFileId: hasErrors ? fileId("error") : null,
        completed: output.lines(),
        failed: error.lines(),
        usage: usage ?? null,
      });
    } catch (reason) {
      await Promise.all([output.abandon(reason), error.abandon(reason)]);
      throw reason;
    }
    const counts = { completed: output.lines(), failed: error.lines() };
    log.info({ batchId, tenant, ...counts }, "A batch has ended");
  };
}

const isDue = ({ ready, status }: BatchRecord) => ready && (status === "finalizing" || status === "cancelling");
