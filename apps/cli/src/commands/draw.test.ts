import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { childEnvironment, temporaryFolder } from "@darkroom/testing";
import { describe, expect, onTestFinished, test } from "vitest";
import { startStubDrawingService } from "../stubs/stub-drawing-service.ts";

const main = resolve(import.meta.dirname, "../main.ts");

/** A service, an empty folder, and `darkroom draw` run in it. */
async function openDraw() {
  const service = await startStubDrawingService();
  const folder = await temporaryFolder();
  const launch = (...args: string[]) => {
    const child = spawn(process.execPath, [main, "draw", ...args], {
      cwd: folder,
      env: { ...childEnvironment(), DARKROOM_URL: service.url, DARKROOM_API_KEY: "k" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]).then(
      ([stdout, stderr, [code, signal]]) => ({ stdout, stderr, code, signal }),
    );
    return { child, ended };
  };
  const draw = (...args: string[]) => launch(...args).ended;
  return { service, folder, launch, draw };
}

describe("darkroom draw", () => {
  test("saves an image under the name that was asked for, and its path alone is on stdout", async () => {
    const { service, folder, draw } = await openDraw();
    service.life = [{ status: "queued" }, { status: "running" }, { status: "succeeded" }];
    const options = ["--model", "gpt-image-2", "--size", "1024x1024", "--quality", "low"];
    const ran = await draw("A lighthouse", ...options, "--out", "lighthouse.png");
    expect(ran).toMatchObject({ code: 0, stdout: "lighthouse.png\n" });
    expect(ran.stderr).toContain("Drawn by gpt-image-2 in 12s. Cost: $0.04.\n");
    expect(await readFile(join(folder, "lighthouse.png"))).toEqual(service.bytes);
    expect(await readdir(folder)).toEqual(["lighthouse.png"]);
    const body = { prompt: "A lighthouse", model: "gpt-image-2", size: "1024x1024", quality: "low" };
    expect(service.submissions).toEqual([
      { body, prefer: "respond-async", name: expect.stringMatching(/^darkroom-draw-/) },
    ]);
  });

  test("names an image after its prompt where no name is given, and never like one that is there", async () => {
    const { service, folder, draw } = await openDraw();
    expect((await draw("A lighthouse, at DUSK!")).stdout).toBe("a-lighthouse-at-dusk.png\n");
    service.bytes = service.jpeg;
    expect((await draw("A lighthouse, at dusk")).stdout).toBe("a-lighthouse-at-dusk.jpg\n");
    expect((await draw("A lighthouse, at dusk")).stdout).toBe("a-lighthouse-at-dusk-2.jpg\n");
    await mkdir(join(folder, "pictures"));
    expect((await draw("灯台 と 猫", "--out", "pictures")).stdout).toBe("pictures/灯台-と-猫.jpg\n");
    expect((await draw("…", "--out", "new/folder/")).stdout).toBe("new/folder/image.jpg\n");
  });

  test("gives several images a number", async () => {
    const { service, folder, draw } = await openDraw();
    const ran = await draw("A lighthouse", "--n", "3", "--out", "sea/lighthouse.png");
    expect(ran).toMatchObject({ code: 0 });
    const names = ["lighthouse-0.png", "lighthouse-1.png", "lighthouse-2.png"];
    expect(ran.stdout).toBe(names.map((name) => `sea/${name}\n`).join(""));
    expect(await readdir(join(folder, "sea"))).toEqual(names);
    expect(service.submissions[0]?.body).toEqual({ prompt: "A lighthouse", n: 3 });
  });

  test("refuses before anything is bought where the file is there, and --overwrite replaces it", async () => {
    const { service, folder, draw } = await openDraw();
    await writeFile(join(folder, "a.png"), "mine");
    await writeFile(join(folder, "b-1.png"), "mine");
    const refused = await draw("A lighthouse", "--out", "a.png");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toBe(
      "a.png already exists. Name another file with --out, or replace it with --overwrite.\n",
    );
    expect((await draw("x", "--n", "2", "--out", "b.png")).stderr).toContain("b-1.png already exists.");
    expect((await draw("x", "--out", "a")).stderr).toContain("a.png already exists.");
    expect(service.asked).toEqual([]);
    expect(await readFile(join(folder, "a.png"), "utf8")).toBe("mine");
    expect(await draw("x", "--out", "a.png", "--overwrite")).toMatchObject({ code: 0, stdout: "a.png\n" });
    expect(await readFile(join(folder, "a.png"))).toEqual(service.bytes);
  });

  test("does not replace a file that appeared while it was drawn, nor lose the image", async () => {
    const { service, folder, launch } = await openDraw();
    service.life = [{ status: "running" }];
    const { ended } = launch("x", "--out", "a.png");
    await expect.poll(() => service.asked.length).toBeGreaterThan(2);
    await writeFile(join(folder, "a.png"), "mine");
    service.life = [{ status: "succeeded" }];
    expect(await ended).toMatchObject({ code: 0, stdout: "a-2.png\n" });
    expect(await readFile(join(folder, "a.png"), "utf8")).toBe("mine");
  });

  test("asks for the format of the file, and gives the file the extension of what came", async () => {
    const { service, draw } = await openDraw();
    service.bytes = service.jpeg;
    expect((await draw("x", "--out", "a.JPEG")).stdout).toBe("a.JPEG\n");
    expect((await draw("x", "--out", "b.png")).stdout).toBe("b.jpg\n");
    expect((await draw("x", "--out", "c.webp", "--output-format", "jpeg")).stdout).toBe("c.jpg\n");
    expect(service.submissions.map(({ body }) => body["output_format"])).toEqual(["jpeg", undefined, "jpeg"]);
  });

  test("asks for an SVG and a GIF by the names of their files, and saves them as they came", async () => {
    const { service, folder, draw } = await openDraw();
    service.bytes = Buffer.from('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>');
    expect((await draw("x", "--out", "a.svg", "--svg-model", "gpt-6-luna")).stdout).toBe("a.svg\n");
    expect(await readFile(join(folder, "a.svg"))).toEqual(service.bytes);
    service.bytes = Buffer.from("GIF89a, and the rest");
    expect((await draw("x", "--out", "b.gif", "--frame-count", "4")).stdout).toBe("b.gif\n");
    expect(
      service.submissions.map(({ body: { output_format, svg, frame_count } }) => [output_format, svg, frame_count]),
    ).toEqual([
      ["svg", { model: "gpt-6-luna" }, undefined],
      ["gif", undefined, 4],
    ]);
  });

  test("reads the image from the service where its link does not work from here", async () => {
    const { service, folder, draw } = await openDraw();
    service.linksWork = false;
    expect(await draw("x", "--n", "2", "--out", "a.png")).toMatchObject({ code: 0, stdout: "a-0.png\na-1.png\n" });
    expect(await readFile(join(folder, "a-1.png"))).toEqual(service.bytes);
  });

  test("prints the generation as the service tells it with --json", async () => {
    const { folder, draw } = await openDraw();
    const ran = await draw("x", "--out", "a.png", "--json");
    expect(JSON.parse(ran.stdout)).toMatchObject({ id: "gen_1", status: "succeeded" });
    expect(await readdir(folder)).toEqual(["a.png"]);
  });

  test.each([[[]], [["x", "--resume", "gen_1"]], [["--resume", "gen_1", "--size", "1x1"]], [["x", "y"]]])(
    "%j is wrong usage",
    async (args) => {
      const { service, draw } = await openDraw();
      expect(await draw(...args)).toMatchObject({ code: 2, stdout: "" });
      expect(service.asked).toEqual([]);
    },
  );
});

describe("an image that does not come exits with 1 and the reason", () => {
  test("when it failed", async () => {
    const { service, folder, draw } = await openDraw();
    const error = {
      message: "The prompt was refused.",
      type: "invalid_request_error",
      param: null,
      code: "content_policy_violation",
    };
    service.life = [{ status: "failed", error }];
    const ran = await draw("x", "--out", "a.png");
    expect(ran).toMatchObject({ code: 1, stdout: "" });
    expect(ran.stderr).toContain("Nothing was drawn (gen_1, content_policy_violation): The prompt was refused.\n");
    expect(await readdir(folder)).toEqual([]);
  });

  test("when some came and some did not: those that came are saved under their own numbers", async () => {
    const { service, draw } = await openDraw();
    service.life = [
      { status: "succeeded", missing: [{ index: 1, code: "content_policy_violation", message: "Refused." }] },
    ];
    const ran = await draw("x", "--n", "3", "--out", "a.png");
    expect(ran).toMatchObject({ code: 1, stdout: "a-0.png\na-2.png\n" });
    expect(ran.stderr).toContain("1 of 3 images are missing: Refused.\n");
  });

  test.skipIf(process.getuid?.() === 0)("when the folder cannot be written to, before anything is bought", async () => {
    const { service, folder, draw } = await openDraw();
    await chmod(folder, 0o500);
    expect(await draw("x", "--out", "a.png")).toMatchObject({ code: 1, stdout: "" });
    expect(service.asked).toEqual([]);
  });

  test("when the folder is a file, before anything is bought", async () => {
    const { service, folder, draw } = await openDraw();
    await writeFile(join(folder, "file"), "");
    const ran = await draw("x", "--out", "file/a.png");
    expect(ran).toMatchObject({ code: 1, stdout: "", stderr: "The folder file cannot be created (EEXIST).\n" });
    expect(service.asked).toEqual([]);
  });
});

describe("a connection that breaks", () => {
  test("after the request was sent: it is sent again under the same name, so that one image is bought", async () => {
    const { service, draw } = await openDraw();
    service.dropSubmissions = 1;
    expect(await draw("x", "--out", "a.png")).toMatchObject({ code: 0, stdout: "a.png\n" });
    const names = service.submissions.map(({ name }) => name);
    expect(names).toHaveLength(2);
    expect(new Set(names).size).toBe(1);
  });

  test("while it waits: it asks again until the service is back", async () => {
    const { service, launch } = await openDraw();
    service.life = [{ status: "running" }];
    const { child, ended } = launch("x", "--out", "a.png");
    let told = "";
    child.stderr.on("data", (piece: Buffer) => (told += piece));
    await expect.poll(() => service.asked.length).toBeGreaterThan(2);
    service.isAway = true;
    await expect.poll(() => told).toContain("Retrying until the service answers.");
    service.life = [{ status: "succeeded" }];
    service.isAway = false;
    const ran = await ended;
    expect(ran).toMatchObject({ code: 0, stdout: "a.png\n" });
    expect(ran.stderr).toContain("The service answers again.");
  });
});

describe("Ctrl-C", () => {
  test("cancels it while it is queued", async () => {
    const { service, folder, launch } = await openDraw();
    service.life = [{ status: "queued" }];
    const { child, ended } = launch("x", "--out", "a.png");
    await expect.poll(() => service.asked.length).toBeGreaterThan(2);
    child.kill("SIGINT");
    const ran = await ended;
    expect(ran).toMatchObject({ code: null, signal: "SIGINT", stdout: "" });
    expect(ran.stderr).toContain("gen_1 was canceled before it was begun. Nothing was bought.\n");
    expect(service.asked).toContain("POST /v1/generations/gen_1/cancel");
    expect(await readdir(folder)).toEqual([]);
  });

  test("leaves alone what is drawn already, and says how to fetch it", async () => {
    const { service, launch, draw } = await openDraw();
    service.life = [{ status: "running" }];
    const { child, ended } = launch("x", "--n", "2", "--out", "a.png");
    await expect.poll(() => service.asked.length).toBeGreaterThan(2);
    child.kill("SIGINT");
    const ran = await ended;
    expect(ran.stderr).toContain("gen_1 goes on. Download its image with: ./darkroom draw --resume gen_1\n");
    expect(service.asked).not.toContain("POST /v1/generations/gen_1/cancel");
    service.life = [{ status: "succeeded" }];
    const resumed = await draw("--resume", "gen_1", "--out", "a.png");
    expect(resumed).toMatchObject({ code: 0, stdout: "a-0.png\na-1.png\n" });
    expect(service.submissions).toHaveLength(1);
  });
});
