import { newBatchId } from "@darkroom/contracts";
import type { NewBatch } from "./create-batch.ts";

/** A batch as it is asked for, without a webhook. */
export const aBatch = (over: Partial<NewBatch> = {}): NewBatch => ({
  id: newBatchId(Date.now()),
  tenant: "acme",
  keyId: "key",
  inputFileId: "file-1",
  completionWindow: "24h",
  windowMs: 86_400_000,
  metadata: null,
  outputSeconds: 2_592_000,
  webhook: null,
  webhookEvents: [],
  ...over,
});
