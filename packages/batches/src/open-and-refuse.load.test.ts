import { Readable } from "node:stream";
import { type ObjectStore, StorageError } from "@darkroom/storage";
import { createRefusals, leftByRefusals, refuseCommands, type Refusals } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { openBatches, succeeded } from "./finished-batch.fixture.ts";
import { live, openLane, work } from "./open-lane.fixture.ts";
import { inputLines, openBatch } from "./validate/validate-batch.fixture.ts";

const away = () =>
  createRefusals(() => new StorageError({ operation: "get", retryable: true, advice: "The store is away." }));

/** An object store that refuses one kind of call. */
const refusing = (objects: ObjectStore, call: "get" | "put" | "delete", { refuse }: Refusals): ObjectStore => ({
  ...objects,
  [call]: refuse,
});

/** Counts streams that were opened and are not closed. */
function countStreams() {
  let open = 0;
  return {
    counted<Stream extends Readable>(stream: Stream): Stream {
      open++;
      stream.once("close", () => open--);
      return stream;
    },
    open: () => open,
  };
}

describe("a thousand rounds over a lane leave nothing behind", () => {
  test("that Redis refuses", async () => {
    const lane = openLane();
    await lane.begin(3);
    const round = lane.newRound();
    using refusals = refuseCommands(lane.redis);
    expect(await leftByRefusals({ round: () => round(live), refusals, emitters: [lane.redis] })).toEqual([]);
  });

  test("whose next lines the store does not give out", async () => {
    const lane = openLane();
    await lane.begin(3);
    const refusals = away();
    lane.objects.get = refusals.refuse;
    const round = lane.newRound();
    expect(await leftByRefusals({ round: () => round(live), refusals, emitters: [lane.redis] })).toEqual([]);
  });

  test("whose results the store does not take", async () => {
    const lane = openLane();
    const id = await lane.begin(3);
    const round = lane.newRound();
    await round(live);
    expect(await work(lane, id)).toBe(3);
    const refusals = away();
    lane.objects.put = refusals.refuse;
    const laterRound = () => {
      // A batch whose results are refused stands still for ten seconds.
      lane.time.offsetMs += 10_000;
      return round(live);
    };
    expect(await leftByRefusals({ round: laterRound, refusals, emitters: [lane.redis] })).toEqual([]);
  });
});

describe("a thousand validations leave nothing behind", () => {
  test.each(["the input is not given out", "its second half is not given out", "the chunks are not taken"])(
    "where %s",
    async (what) => {
      const { id, objects, validateBy } = await openBatch();
      const streams = countStreams();
      const refusals = away();
      const halves = async function* () {
        yield Buffer.from(`${inputLines(3).join("\n")}\n`);
        if (what === "its second half is not given out") await refusals.refuse();
      };
      const validate = validateBy({
        objects: what === "the chunks are not taken" ? refusing(objects, "put", refusals) : objects,
        openInput: async () =>
          what === "the input is not given out" ? refusals.refuse() : streams.counted(Readable.from(halves())),
        accountOf: async () => ({ models: null, leftMicros: null }),
      });
      expect(await leftByRefusals({ round: () => validate(id, live), refusals })).toEqual([]);
      await expect.poll(streams.open).toBe(0);
    },
  );
});

describe("a thousand tries to put an output together leave nothing behind", () => {
  test.each(["get", "put"] as const)("where the store refuses to %s", async (call) => {
    const { finished, finalize, objects, files } = openBatches();
    const id = await finished({ total: 3, segments: [[succeeded(0)], [succeeded(1)], [succeeded(2)]] });
    const streams = countStreams();
    const refusals = away();
    let gets = 0;
    const someObjects: ObjectStore = {
      ...objects,
      // It goes away after the first segment, so that the output is begun. An object that it refuses alone would be waited for.
      get: async (key) => {
        if (call === "get" && ++gets > 1) return refusals.refuse();
        const object = await objects.get(key);
        streams.counted(object.body);
        return object;
      },
    };
    const create: typeof files.create = async (options) => {
      streams.counted(options.body);
      if (call === "put") {
        options.body.destroy();
        return refusals.refuse();
      }
      return files.create(options);
    };
    const putTogether = finalize({ objects: someObjects, files: { create } });
    const round = () => {
      gets = 0;
      return putTogether(id, new AbortController().signal);
    };
    // A stream that was given up is closed a moment later.
    const settled = async () => {
      await expect.poll(streams.open).toBe(0);
    };
    expect(await leftByRefusals({ round, refusals, settled })).toEqual([]);
  });
});

describe("a thousand removals of old batches leave nothing behind", () => {
  test("that Redis refuses", async () => {
    const { redis, ...opened } = openBatches();
    const sweep = opened.sweep();
    using refusals = refuseCommands(redis);
    expect(await leftByRefusals({ round: () => sweep(live), refusals, emitters: [redis] })).toEqual([]);
  });

  test("that the store refuses", async () => {
    const { finished, batches, objects, ...opened } = openBatches();
    const id = await finished({ total: 1, segments: [[succeeded(0)]] });
    const refusals = away();
    const sweep = opened.sweep({
      batches: { ...batches, outlived: async () => [id] },
      objects: refusing(objects, "delete", refusals),
    });
    expect(await leftByRefusals({ round: () => sweep(live), refusals })).toEqual([]);
  });
});
