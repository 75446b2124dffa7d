import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ObjectStore } from "@darkroom/storage";
import { memoryStore } from "../batch-parts.fixture.ts";
import { imageKey, openBatches, type Script, succeeded } from "../finished-batch.fixture.ts";

const never = new AbortController().signal;

/** What comes of a line, as often as it stands in the segments. */
const fate = fc.constantFrom("link", "base64", "gone", "failed", "canceled", "expired");

function resultOf(index: number, how: string) {
  if (how === "failed") {
    return succeeded(index, { status: "failed", delivery: null, error: { code: "upstream_error", message: "No." } });
  }
  if (how === "canceled" || how === "expired") return succeeded(index, { status: how, delivery: null });
  return succeeded(index, how === "link" ? {} : { request: { response_format: "b64_json" } });
}

const script = fc.record({
  total: fc.integer({ min: 0, max: 12 }),
  perChunk: fc.integer({ min: 1, max: 5 }),
  fedShare: fc.integer({ min: 0, max: 4 }),
  outcome: fc.constantFrom("completed", "expired", "cancelled"),
  fates: fc.array(fate, { minLength: 12, maxLength: 12 }),
  // Lines in whatever order, twice, too many, or not at all; broken ones; and segments that are missing.
  segments: fc.array(
    fc.option(fc.array(fc.oneof(fc.integer({ min: 0, max: 13 }), fc.constant("{broken")), { maxLength: 8 }), {
      freq: 6,
    }),
    { maxLength: 4 },
  ),
  missingChunks: fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 1 }),
  breaks: fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }),
});

/** The store for a limited number of reads: after that, a read kills its run. */
function mortal(objects: ObjectStore, reads: number): Pick<ObjectStore, "get" | "head" | "link"> {
  let left = reads;
  const count = () => {
    if (--left <= 0) throw new Error("killed");
  };
  return {
    link: async (key, options) => objects.link(key, options),
    get: async (key, options) => (count(), objects.get(key, options)),
    head: async (key) => (count(), objects.head(key)),
  };
}

test("every line is in exactly one of the two files, exactly once, whatever is missing, twice or broken off", async () => {
  const objects = memoryStore();
  const { finished, finalize, resultOf: read } = openBatches(objects);
  await fc.assert(
    fc.asyncProperty(script, async ({ fates, breaks, segments, fedShare, ...rest }) => {
      for (const [index, how] of fates.entries()) {
        if (how === "gone") await objects.delete([imageKey(index)]);
        else await objects.put(imageKey(index), Buffer.from(String(index).padStart(3)), { contentType: "image/png" });
      }
      const stored: Script["segments"] = segments.map(
        (lines) =>
          lines?.map((line) => (typeof line === "string" ? line : resultOf(line, fates[line] ?? "link"))) ?? null,
      );
      const id = await finished({ ...rest, fed: Math.floor((rest.total * fedShare) / 4), segments: stored });
      for (const reads of breaks) {
        await finalize({ objects: mortal(objects, reads) })(id, never).catch((error: unknown) => {
          if (!(error instanceof Error && error.message === "killed")) throw error;
        });
      }
      await finalize()(id, never);
      const { batch, output, error } = await read(id);

      const withResult = new Set(segments.flatMap((lines) => lines ?? []));
      const isWell = (index: number) => withResult.has(index) && ["link", "base64"].includes(fates[index] ?? "");
      const all = Array.from({ length: rest.total }, (_, index) => index);
      const nameless = new Set(
        all.filter((index) => rest.missingChunks.includes(Math.floor(index / rest.perChunk)) && !withResult.has(index)),
      );
      const names = (indexes: number[]) =>
        indexes.map((index) => (nameless.has(index) ? "" : `line-${index}`)).toSorted();
      expect(output.map((line) => line.custom_id).toSorted()).toEqual(names(all.filter(isWell)));
      expect(error.map((line) => line.custom_id).toSorted()).toEqual(names(all.filter((index) => !isWell(index))));
      expect(new Set([...output, ...error].map((line) => line.id)).size).toBe(rest.total);
      expect(batch).toMatchObject({ status: rest.outcome, completed: output.length, failed: error.length });
      expect(batch.completed + batch.failed).toBe(rest.total);
    }),
    { numRuns: 100 },
  );
});
