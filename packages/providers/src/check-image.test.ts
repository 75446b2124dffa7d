import { execFile } from "node:child_process";
import { hash, randomBytes } from "node:crypto";
import { getEventListeners } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { hostilePictures, temporaryFolder } from "@darkroom/testing";
import sharp from "sharp";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { createImageChecker } from "./check-image.ts";
import type { Examination } from "./examine-process.ts";
import { failureOf } from "./examine-provider.fixture.ts";
import { createSpool } from "./spool/spool.ts";
import { releaseBytes, sha256Of, SpooledBytes } from "./spool/spooled-bytes.ts";
import { type Examiner, startExaminer } from "./start-examiner.ts";

const images = createImageChecker({ decoding: "always" });
afterAll(() => images.close());
const checkImage = (bytes: Uint8Array) => images.check(bytes, new AbortController().signal);

/** Noise, so that cutting the file cuts pixels. */
const noise = sharp({
  create: {
    width: 200,
    height: 150,
    channels: 3,
    background: "#000",
    noise: { type: "gaussian", mean: 128, sigma: 40 },
  },
});
const formats = ["png", "jpeg", "webp"] as const;
const files = Object.fromEntries(
  await Promise.all(formats.map(async (format) => [format, await noise.clone().toFormat(format).toBuffer()] as const)),
);
const file = (format: string) => files[format] ?? Buffer.alloc(0);

describe.each(formats)("a %s", (format) => {
  test("is known by its content", async () => {
    const expected = { mediaType: `image/${format}`, width: 200, height: 150 };
    expect(await checkImage(file(format))).toMatchObject(expected);
  });

  test.each([0.99, 0.9, 0.5, 0.1])("that ends at %s of its length is refused", async (part) => {
    const cut = file(format).subarray(0, Math.floor(file(format).length * part));
    expect((await failureOf(checkImage(cut))).facts).toMatchObject({
      code: "upstream_error",
      mayHaveCharged: true,
      retryable: false,
    });
  });
});

const svg = (inside: string, attributes = 'width="10" height="20"') =>
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" ${attributes}>${inside}</svg>`);

describe("an animated GIF", () => {
  const shades = ["#111", "#444", "#777", "#aaa", "#ddd"].map((fill) =>
    svg(`<rect width="100%" height="100%" fill="${fill}"/><circle r="20" fill="red"/>`, 'width="64" height="48"'),
  );
  const animation = (count: number) =>
    sharp(shades.slice(0, count), { join: { animated: true } })
      .gif({ delay: Array<number>(count).fill(200), loop: 0 })
      .toBuffer();

  test("has the sides of a frame", async () => {
    const bytes = await animation(5);
    expect(await checkImage(bytes)).toEqual({ bytes, mediaType: "image/gif", width: 64, height: 48 });
  });

  test.each([0.99, 0.9, 0.5, 0.1])("that ends at %s of its length is refused", async (part) => {
    const bytes = await animation(5);
    const { facts } = await failureOf(checkImage(bytes.subarray(0, Math.floor(bytes.length * part))));
    expect(facts).toMatchObject({ code: "upstream_error", mayHaveCharged: true });
    expect(facts.detail).toContain("it ends within frame");
  });

  test("whose frames have more pixels than anybody draws is refused without decoding it", async () => {
    const bytes = await animation(2);
    bytes.writeUInt16LE(9_000, 6);
    bytes.writeUInt16LE(9_000, 8);
    expect((await failureOf(checkImage(bytes))).facts.detail).toContain("it has 2 frames of 9000x9000");
  });

  test("of more frames than anybody draws is refused without decoding it", async () => {
    const bytes = await animation(2);
    const frame = bytes.subarray(bytes.lastIndexOf(Buffer.from([0x21, 0xf9])), -1);
    const many = Buffer.concat([bytes.subarray(0, -1), ...Array<Buffer>(99).fill(frame), Buffer.of(0x3b)]);
    expect((await failureOf(checkImage(many))).facts.detail).toContain("it has 101 frames");
  });
});

describe("an SVG", () => {
  test("comes as it is, with its sides", async () => {
    const bytes = svg("<path d='M0 0L9 9'/>");
    expect(await checkImage(bytes)).toEqual({ bytes, mediaType: "image/svg+xml", width: 10, height: 20 });
  });

  test("that is cut short is refused", async () => {
    expect((await failureOf(checkImage(svg("<g></g>").subarray(0, -3)))).facts).toMatchObject({
      code: "upstream_error",
      mayHaveCharged: true,
      detail: expect.stringContaining("it is not well-formed at 1:"),
    });
  });
});

test.each(["<!doctype html><html><body>502 Bad Gateway</body></html>", "<html/>", '{"error":1}', "GIF", "<"])(
  "%s is no image",
  async (text) => {
    expect((await failureOf(checkImage(Buffer.from(text)))).facts.code).toBe("upstream_error");
  },
);

test("an image of more pixels than anybody draws is refused without decoding it", async () => {
  const huge = await sharp({ create: { width: 9000, height: 9000, channels: 3, background: "#123" } })
    .png()
    .toBuffer();
  expect((await failureOf(checkImage(huge))).facts.code).toBe("upstream_error");
});

describe("the processes that decode", () => {
  const slowPicture = async () =>
    (await hostilePictures.find(({ name }) => name.includes("the slowest filter"))?.make()) ?? Buffer.alloc(0);
  const { signal } = new AbortController();

  function open(options: Partial<Parameters<typeof createImageChecker>[0]> = {}) {
    const started: Examiner[] = [];
    const start: typeof startExaminer = (settings) => {
      const examiner = startExaminer(settings);
      started.push(examiner);
      return examiner;
    };
    const checker = createImageChecker({ decoding: "always", start, ...options });
    onTestFinished(() => checker.close());
    return { checker, started };
  }

  test("are two at most, however many images come", async () => {
    const { checker, started } = open();
    await Promise.all(Array.from({ length: 12 }, () => checker.check(file("png"), signal)));
    expect(started).toHaveLength(2);
  });

  test("are not needed for a PNG whose checksums are right, in memory or in a file, where that is enough", async () => {
    const { checker, started } = open({ decoding: "without-checksums" });
    const drawn = await sharp(randomBytes(300 * 300 * 3), { raw: { width: 300, height: 300, channels: 3 } })
      .png()
      .toBuffer();
    const spool = createSpool();
    const writer = spool.newWriter(spool.newGuest({ signal, clock: { stop: () => {}, start: () => {} } }));
    await writer.write(Buffer.concat([drawn, Buffer.from("behind the end")]));
    const spooled = await writer.finish();
    onTestFinished(() => releaseBytes(spooled));
    for (const bytes of [drawn, spooled]) {
      const checked = await checker.check(bytes, signal);
      expect(checked).toMatchObject({ mediaType: "image/png", width: 300, height: 300 });
      expect(sha256Of(checked.bytes)).toBe(hash("sha256", drawn));
    }
    expect(started).toEqual([]);
  });

  test("are not needed for a JPEG, a WebP and a GIF whose structure is whole, where that is enough", async () => {
    const { checker, started } = open({ decoding: "incomplete" });
    const drawn = { gif: await noise.clone().gif().toBuffer(), jpeg: file("jpeg"), webp: file("webp") };
    for (const [format, bytes] of Object.entries(drawn)) {
      const checked = await checker.check(Buffer.concat([bytes, Buffer.from("behind the end")]), signal);
      expect(checked).toMatchObject({ mediaType: `image/${format}`, width: 200, height: 150 });
      expect(sha256Of(checked.bytes)).toBe(hash("sha256", bytes));
    }
    for (const cut of [drawn.gif, drawn.webp]) {
      const { facts } = await failureOf(checker.check(cut.subarray(0, -1), signal));
      const detail = expect.stringContaining("it ends");
      expect(facts).toMatchObject({ code: "upstream_error", mayHaveCharged: true, retryable: false, detail });
    }
    expect(started).toEqual([]);
    // A decoder may be able to show what came of a JPEG.
    const cut = drawn.jpeg.subarray(0, drawn.jpeg.length / 2);
    expect((await failureOf(checker.check(cut, signal))).facts).toMatchObject({ code: "upstream_error" });
    expect(started).toHaveLength(1);
  });

  test("decide about all others", async () => {
    const { checker, started } = open({ decoding: "without-checksums" });
    expect(await checker.check(file("jpeg"), signal)).toMatchObject({ mediaType: "image/jpeg", width: 200 });
    const damaged = Buffer.from(file("png"));
    damaged.writeUInt8(damaged.readUInt8(5_000) ^ 1, 5_000);
    expect((await failureOf(checker.check(damaged, signal))).facts).toMatchObject({ code: "upstream_error" });
    expect(started).toHaveLength(1);
  });

  test("leave the threads of file access alone", async () => {
    const { checker } = open();
    const bytes = await slowPicture();
    const path = join(await temporaryFolder(), "file");
    const controller = new AbortController();
    // As many as there are threads for files, each for a second.
    const checks = Array.from({ length: 4 }, () => checker.check(bytes, controller.signal));
    const settled = Promise.allSettled(checks);
    const writing = writeFile(path, "x").then(() => "written");
    expect(await Promise.race([writing, ...checks.map((check) => check.then(() => "checked"))])).toBe("written");
    controller.abort();
    await settled;
  });

  test("end with the call that waits for them, at once and with its reason", async () => {
    const { checker, started } = open();
    const controller = new AbortController();
    const reason = new Error("canceled by its owner");
    const checks = [1, 2, 3].map(async () => checker.check(await slowPicture(), controller.signal));
    const settled = Promise.allSettled(checks);
    await expect.poll(() => started.map((each) => each.state())).toEqual(["busy", "busy"]);
    controller.abort(reason);
    expect(await settled).toEqual([1, 2, 3].map(() => ({ status: "rejected", reason })));
    expect(started.map((each) => each.state())).toEqual(["ended", "ended"]);
    expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    expect(await checker.check(file("png"), signal)).toMatchObject({ width: 200 });
  });

  test("end where an image takes too long", async () => {
    const { checker, started } = open({ deadlineMs: 400 });
    const { facts } = await failureOf(checker.check(await slowPicture(), signal));
    expect(facts).toMatchObject({ mayHaveCharged: true, retryable: false, detail: expect.stringContaining("400 ms") });
    expect(started.map((each) => each.state())).toEqual(["ended"]);
  });

  test.skipIf(process.platform !== "linux")("end where an image takes too much CPU time", async () => {
    const { checker, started } = open({ cpuLimitMs: 400 });
    const { facts } = await failureOf(checker.check(await slowPicture(), signal));
    const detail = expect.stringContaining("400 ms of CPU time");
    expect(facts).toMatchObject({ mayHaveCharged: true, retryable: false, detail });
    expect(started.map((each) => each.state())).toEqual(["ended"]);
  });

  test("are left alone however long they take, while the machine gives them no CPU time", async () => {
    const answer = Promise.withResolvers<Examination>();
    let looks = 0;
    const start: typeof startExaminer = () => ({
      pid: undefined,
      state: () => "free",
      end: () => {},
      examine: (_, ends) => {
        ends.addEventListener("abort", () => answer.reject(ends.reason));
        return answer.promise;
      },
      cpuMs() {
        // The first look is at the beginning. The limit is over many times, on the clock.
        if (++looks === 5)
          answer.resolve({ facts: { mediaType: "image/png", width: 200, height: 150, length: file("png").length } });
        return 10;
      },
    });
    const { checker } = open({ start, cpuLimitMs: 1 });
    expect(await checker.check(file("png"), signal)).toMatchObject({ width: 200 });
    expect(looks).toBe(5);
  });

  test("that crash are started anew, for the image may not have been at fault", async () => {
    // Two seconds of CPU time, twice: it may take long.
    const { checker, started } = open({ deadlineMs: 100_000 });
    const check = checker.check(await slowPicture(), signal);
    await expect.poll(() => started[0]?.state()).toBe("busy");
    process.kill(started[0]?.pid ?? 0, "SIGKILL");
    expect(await check).toMatchObject({ width: 7071 });
    expect(started).toHaveLength(2);
  });

  test("that crash each time make an image unusable", async () => {
    const start: typeof startExaminer = (settings) => {
      const examiner = startExaminer(settings);
      process.kill(examiner.pid ?? 0, "SIGKILL");
      return examiner;
    };
    const { facts } = await failureOf(open({ start }).checker.check(file("png"), signal));
    expect(facts).toMatchObject({ mayHaveCharged: true, retryable: false, detail: expect.stringContaining("SIGKILL") });
  });

  test("that cannot be started for want of file descriptors are started when there are some again", async () => {
    const module = JSON.stringify(new URL("check-image.ts", import.meta.url).href);
    const program = `
      const { closeSync, openSync } = await import("node:fs");
      const { createImageChecker } = await import(${module});
      const { startExaminer } = await import(${module.replace("check-image", "start-examiner")});
      const held = [];
      let starts = 0;
      const start = (settings) => {
        if (++starts > 1) for (const file of held.splice(0)) closeSync(file);
        return startExaminer(settings);
      };
      const images = createImageChecker({ decoding: "always", start });
      try { while (true) held.push(openSync("/dev/null")); } catch {}
      const bytes = Buffer.from("${file("png").toString("base64")}", "base64");
      const { width } = await images.check(bytes, new AbortController().signal);
      console.log(starts, width);`;
    const path = join(await temporaryFolder(), "program.mjs");
    await writeFile(path, program);
    const { stdout } = await promisify(execFile)("sh", [
      "-c",
      'ulimit -n 64 && exec "$0" "$1"',
      process.execPath,
      path,
    ]);
    expect(stdout).toBe("2 200\n");
  });

  test("outlive the signals that stop a worker, which finishes its calls first", async () => {
    const { checker, started } = open();
    await checker.check(file("png"), signal);
    for (const name of ["SIGINT", "SIGTERM"]) process.kill(started[0]?.pid ?? 0, name);
    await checker.check(file("png"), signal);
    expect(started).toHaveLength(1);
  });

  test("are sent the bytes of a file where the system has no path to it, or does not let them open it", async () => {
    const spool = createSpool();
    const guest = spool.newGuest({ signal, clock: { stop: () => {}, start: () => {} } });
    const writer = spool.newWriter(guest);
    const drawn = await sharp(randomBytes(300 * 300 * 3), { raw: { width: 300, height: 300, channels: 3 } })
      .png()
      .toBuffer();
    await writer.write(drawn);
    // As in an upload that goes on behind the image's end.
    await writer.write(Buffer.from("behind the end"));
    const spooled = await writer.finish();
    if (!(spooled instanceof SpooledBytes)) throw new Error("It is in memory.");
    onTestFinished(() => spooled.release());
    for (const path of [undefined, "/proc/1/fd/nothing"]) {
      Object.defineProperty(spooled, "path", { value: path, configurable: true });
      const { checker } = open();
      const checked = await checker.check(spooled, signal);
      expect(checked).toMatchObject({ mediaType: "image/png", width: 300, height: 300 });
      expect(sha256Of(checked.bytes)).toBe(hash("sha256", drawn));
    }
  });

  test("end when they have had nothing to do for a while", async () => {
    const examiner = startExaminer({ idleMs: 1 });
    await expect.poll(() => examiner.state()).toBe("ended");
  });

  test("neither keep a program from ending nor outlive it", async () => {
    const module = JSON.stringify(new URL("start-examiner.ts", import.meta.url).href);
    const program = `const { startExaminer } = await import(${module}); console.log(startExaminer({ idleMs: 600_000 }).pid);`;
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program]);
    await expect.poll(() => isRunning(Number(stdout))).toBe(false);
  });

  test.skipIf(process.platform !== "linux")("are ended before the worker where memory runs out", async () => {
    const { checker, started } = open();
    await checker.check(file("png"), signal);
    expect(await readFile(`/proc/${started[0]?.pid}/oom_score_adj`, "latin1")).toBe("1000\n");
  });

  test.skipIf(process.platform !== "linux")("know no key of a provider", async () => {
    const { checker, started } = open();
    await checker.check(file("png"), signal);
    const environment = await readFile(`/proc/${started[0]?.pid}/environ`, "latin1");
    expect(environment.split("\0").filter((line) => !/^NODE_CHANNEL_|^$/.test(line))).toEqual([]);
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
