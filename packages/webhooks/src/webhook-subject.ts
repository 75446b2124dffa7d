import type { BatchRecord, BatchStore } from "@darkroom/batches";
import type { GenerationRecord, GenerationStore } from "@darkroom/generations";

/** Which generation or batch a webhook tells of: one of the two. */
export type WebhookSubjectId = { generationId?: string | undefined; batchId?: string | undefined };

/** What a webhook tells of, as it is now. */
export type WebhookSubject = { kind: "generation"; record: GenerationRecord } | { kind: "batch"; record: BatchRecord };

export type WebhookSubjectStores = { generations: Pick<GenerationStore, "read">; batches: Pick<BatchStore, "read"> };

/** Reads what a webhook tells of; null where it is not kept any more. */
export async function readSubject(
  { generations, batches }: WebhookSubjectStores,
  { generationId, batchId }: WebhookSubjectId,
): Promise<WebhookSubject | null> {
  if (batchId !== undefined) {
    const record = await batches.read(batchId);
    return record && { kind: "batch", record };
  }
  const record = generationId === undefined ? null : await generations.read(generationId);
  return record && { kind: "generation", record };
}

/** Where the ending of a subject is to be told, and when it came; null where none was asked for. */
export function destinationOf(subject: WebhookSubject): { url: string; endedAtMs: number | null } | null {
  if (subject.kind === "batch") {
    const { webhook, status, atMs } = subject.record;
    return webhook === null ? null : { url: webhook, endedAtMs: atMs[status] ?? null };
  }
  const { request, endedAtMs } = subject.record;
  return request.job?.webhook === undefined ? null : { url: request.job.webhook, endedAtMs };
}
