import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { runDarkroom } from "../../stubs/run-darkroom.ts";
import { startStubBatchService } from "../../stubs/stub-batch-service.ts";

type Line = { custom_id: string; body: { prompt: string; n?: number; response_format?: string } };

/** A service with a batch of these lines that has ended, and a folder that is not there yet. */
async function setUp(lines: Line[]) {
  const service = await startStubBatchService();
  const folder = await temporaryFolder();
  const file = join(folder, "lines.jsonl");
  const rows = lines.map(({ custom_id, body }) =>
    JSON.stringify({ custom_id, method: "POST", url: "/v1/images/generations", body: { model: "dall-e-3", ...body } }),
  );
  await writeFile(file, rows.join("\n"));
  const env = { DARKROOM_URL: service.url, DARKROOM_API_KEY: "k" };
  expect(await runDarkroom(["batch", "submit", file, "--yes"], env)).toMatchObject({ code: 0 });
  await fetch(`${service.url}/v1/batches/batch_1`);
  const out = join(folder, "out");
  const download = (...args: string[]) => runDarkroom(["batch", "download", "batch_1", "--out", out, ...args], env);
  const images = async () => (await readdir(out)).filter((name) => !/\.jsonl?$/.test(name)).toSorted();
  return { service, out, download, images };
}

const isPng = (bytes: Buffer) => bytes.subarray(1, 4).toString() === "PNG";

test("images are called after their lines, with a number where a line has several", async () => {
  const { out, download, images } = await setUp([
    { custom_id: "one", body: { prompt: "a" } },
    { custom_id: "../two", body: { prompt: "a", n: 3 } },
    { custom_id: "ONE", body: { prompt: "a" } },
  ]);
  const ran = await download();
  expect(ran).toMatchObject({ code: 0, stdout: "" });
  expect(ran.stderr).toContain(`5 images written to ${out}.\n`);
  const [first, ...others] = await images();
  expect(first).toMatch(/^ONE-[0-9a-f]{8}\.png$/);
  expect(others).toEqual(["_two-0.png", "_two-1.png", "_two-2.png", "one.png"]);
  expect(isPng(await readFile(join(out, "one.png")))).toBe(true);
});

test("the extension is that of the image, whatever it was said to be, and base64 is decoded", async () => {
  const { out, download, images } = await setUp([
    { custom_id: "link", body: { prompt: "webp" } },
    { custom_id: "inside", body: { prompt: "a", response_format: "b64_json" } },
  ]);
  expect(await download()).toMatchObject({ code: 0 });
  expect(await images()).toEqual(["inside.webp", "link.webp"]);
  expect(await readFile(join(out, "inside.webp"))).toEqual(await readFile(join(out, "link.webp")));
});

test("a link that has expired is told by its line, exits with 1, and is tried again the next time", async () => {
  const lines = ["a", "expired", "b"].map((prompt) => ({ custom_id: `of ${prompt}`, body: { prompt } }));
  const { service, out, download, images } = await setUp(lines);
  const ran = await download();
  expect(ran).toMatchObject({ code: 1, stdout: "" });
  expect(ran.stderr).toContain(`1 image could not be downloaded: ${join(out, "failures.jsonl")} says why.\n`);
  expect(await images()).toEqual(["of a.png", "of b.png"]);
  expect(JSON.parse(await readFile(join(out, "failures.jsonl"), "utf8"))).toEqual({
    custom_id: "of expired",
    image: 0,
    reason: "the link answered 403: it has expired, or the image was removed",
    url: `${service.url}/v1/images/expired/0`,
  });
  service.asked.length = 0;
  expect((await download()).stderr).toContain(`0 images written to ${out}, 2 were there already.`);
  expect(service.asked).toEqual(["GET /v1/batches/batch_1", "GET /v1/images/expired/0"]);
});

test("a download that was interrupted goes on with what is missing", async () => {
  const lines = Array.from({ length: 12 }, (_, index) => ({ custom_id: `l${index}`, body: { prompt: "a", n: 2 } }));
  const { service, out, download, images } = await setUp(lines);
  expect(await download("--concurrency", "3")).toMatchObject({ code: 0 });
  const all = await images();
  expect(all).toHaveLength(24);
  const { mtimeMs } = await stat(join(out, "l0-0.png"));
  // As a process leaves it that was killed: an image that has no name yet, of a process that is gone.
  await mkdir(join(out, ".darkroom-parts-999999999"));
  await writeFile(join(out, ".darkroom-parts-999999999", "1"), "half an im");
  for (const name of ["l3-1.png", "l7-0.png"]) await rm(join(out, name));
  service.asked.length = 0;
  expect((await download()).stderr).toContain(`2 images written to ${out}, 22 were there already.`);
  expect(service.asked).toHaveLength(3);
  expect(await images()).toEqual(all);
  expect((await stat(join(out, "l0-0.png"))).mtimeMs).toBe(mtimeMs);
});

test("a folder with the images of another batch, or of no batch, is refused", async () => {
  const { out, download } = await setUp([{ custom_id: "a", body: { prompt: "a" } }]);
  await mkdir(out);
  await writeFile(join(out, "a.png"), "mine");
  const ran = await download();
  expect(ran).toMatchObject({ code: 1, stdout: "" });
  expect(ran.stderr).toContain(`${out} has images in it. Name another folder with --out.\n`);
  await writeFile(join(out, "darkroom-batch.json"), JSON.stringify({ batch_id: "batch_9" }));
  expect((await download()).stderr).toContain(`${out} has the results of batch_9 in it.`);
  expect(await readFile(join(out, "a.png"), "utf8")).toBe("mine");
});

test("what cannot be written is a problem, and no failure of a link", async () => {
  const { out, download } = await setUp([{ custom_id: "a", body: { prompt: "a" } }]);
  await writeFile(out, "a file where a folder should be");
  const ran = await download();
  expect(ran).toMatchObject({ code: 1, stdout: "" });
  expect(ran.stderr).toMatch(/is not a folder, or not in one \(ENOTDIR\)\.\n$/);
});

test("a batch that has not ended has nothing to download yet", async () => {
  const { service, download } = await setUp([{ custom_id: "a", body: { prompt: "a" } }]);
  const [made] = service.batches;
  Object.assign(made?.batch ?? {}, { status: "finalizing", completed_at: 1 });
  const ran = await download();
  expect(ran.code).toBe(1);
  expect(ran.stderr).toContain("batch_1 is finalizing: its results are there when it has ended.");
});

describe("the other commands", () => {
  const env = (url: string) => ({ DARKROOM_URL: url, DARKROOM_API_KEY: "k" });

  test("list shows every batch, the newest first", async () => {
    const { service } = await setUp([{ custom_id: "a", body: { prompt: "refuse" } }]);
    const ran = await runDarkroom(["batch", "list"], env(service.url));
    expect(ran.stdout).toMatchInlineSnapshot(`
      "id      | status    | model    | lines | done | failed |  cost | created
      ------- | --------- | -------- | ----: | ---: | -----: | ----: | --------------------
      batch_1 | completed | dall-e-3 |     1 |    0 |      1 | $0.00 | 2026-11-22 09:30 UTC
      "
    `);
    const json = await runDarkroom(["batch", "list", "--json"], env(service.url));
    expect(z.object({ data: z.array(z.unknown()) }).parse(JSON.parse(json.stdout)).data).toHaveLength(1);
  });

  test("status shows one, and with --watch when it has ended", async () => {
    const { service } = await setUp([{ custom_id: "a", body: { prompt: "a" } }]);
    const ran = await runDarkroom(["batch", "status", "batch_1", "--watch"], env(service.url));
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatchInlineSnapshot(`
      "id           batch_1
      status       completed
      model        dall-e-3
      lines        1, 1 of them done, 0 failed
      cost         $0.04
      created      2026-11-22 09:30 UTC
      ended        2026-11-22 09:30 UTC
      input file   file-1
      output file  file-2
      "
    `);
    expect(await runDarkroom(["batch", "status", "batch_2"], env(service.url))).toMatchObject({
      code: 1,
      stderr: "There is none of this id.\n",
    });
  });

  test("cancel stops one", async () => {
    const { service } = await setUp([{ custom_id: "a", body: { prompt: "a" } }]);
    const ran = await runDarkroom(["batch", "cancel", "batch_1"], env(service.url));
    expect(ran.stdout).toMatch(/^status +cancelling$/m);
    expect(service.asked.at(-1)).toBe("POST /v1/batches/batch_1/cancel");
  });
});
