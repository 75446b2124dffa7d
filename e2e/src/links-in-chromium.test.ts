import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { imageResponseSchema } from "@darkroom/contracts";
import { createObjectStore, objectStoreSettings } from "@darkroom/storage";
import { describeWithS3, listeningPort, startFakeOpenAi, s3Environment } from "@darkroom/testing";
import type { Page } from "playwright-core";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { hasChromium, startChromium } from "./chromium.ts";
import { everyGeneration } from "./every-generation.ts";
import { type Stack, startStack } from "./stack.ts";

const browser = (await hasChromium()) ? await startChromium() : null;
afterAll(() => browser?.close());
const isBrowserMissing = browser === null;

async function openPage(): Promise<Page> {
  if (browser === null) throw new Error("There is no browser.");
  return browser.newPage();
}

/** Asks for an image, and answers the link to it. */
async function linkTo(stack: Stack, body: object): Promise<string> {
  const answer = await stack.generate({ ...body, response_format: "url" });
  const [image] = imageResponseSchema.parse(await answer.json()).data;
  if (!image?.url) throw new Error("The answer has no link.");
  return image.url;
}

/** An upstream whose answer is an SVG that tells `site` when its script or its handler is run, and where. */
async function startScriptedUpstream(site: Site) {
  const tell = (by: string) => `fetch('${site.origin}/ran?by=${by}&amp;at=' + location.origin, { mode: 'no-cors' })`;
  const svg = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="48" onload="${tell("handler")}">` +
      `<rect width="64" height="48" fill="red"/><script>${tell("script")}</script></svg>`,
  );
  const upstream = await startFakeOpenAi();
  onTestFinished(() => upstream.close());
  upstream.always({ body: { data: [{ b64_json: svg.toString("base64") }], output_format: "svg" } });
  return { svg, environment: { OPENAI_API_KEY: "test-key", OPENAI_BASE_URL: upstream.baseUrl } };
}

/** Another web site: it serves pages as they are, without any header of ours, and hears of scripts that were run. */
async function startSite() {
  const pages = new Map<string, { type: string; body: Buffer }>([
    ["/", { type: "text/html", body: Buffer.from("<!doctype html><title>Another site</title>") }],
  ]);
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://site");
    if (pathname === "/ran") server.emit("ran", `${searchParams.get("by")} at ${searchParams.get("at")}`);
    const page = pages.get(pathname);
    if (page === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "content-type": page.type }).end(page.body);
  });
  const ran: string[] = [];
  server.on("ran", (what: string) => ran.push(what));
  const origin = `http://127.0.0.1:${await listeningPort(server.listen(0, "127.0.0.1"))}`;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    origin,
    /** What was run so far, and where. */
    ran,
    /** Resolves when something is run next. */
    untilRan: () => once(server, "ran"),
    /** Puts a page on the site, and returns its address. */
    put(path: string, type: string, body: Buffer) {
      pages.set(path, { type, body });
      return `${origin}${path}`;
    },
  };
}
type Site = Awaited<ReturnType<typeof startSite>>;

/** Opens the SVG as the other site serves it, where its script is run. What was run before it in the same browser has been told by then. */
async function expectScriptRunsElsewhere(page: Page, site: Site, svg: Buffer) {
  await page.goto(site.put("/as-it-is.svg", "image/svg+xml", svg));
  while (site.ran.length < 2) await site.untilRan();
  expect(site.ran.toSorted()).toEqual([`handler at ${site.origin}`, `script at ${site.origin}`]);
}

/** The sides that a page of the other site sees of an image behind a link. */
async function sidesInPage(page: Page, site: Site, link: string): Promise<unknown> {
  await page.goto(site.origin);
  return page.evaluate(`(async () => {
    const image = new Image();
    image.src = ${JSON.stringify(link)};
    await image.decode();
    return [image.naturalWidth, image.naturalHeight];
  })()`);
}

const request = { model: "gpt-image-2.6-flare", prompt: "a ferry", size: "1024x1024", output_format: "svg" } as const;

describe.skipIf(isBrowserMissing)("the link of an SVG that has a script", () => {
  test("shows it in Chromium and does not run the script, which another site's page does", async () => {
    const site = await startSite();
    const { svg, environment } = await startScriptedUpstream(site);
    const stack = await startStack({ environment });
    const link = await linkTo(stack, request);
    expect(new URL(link).pathname).toMatch(/\.svg$/);

    const page = await openPage();
    const opened = await page.goto(link);
    expect(await opened?.body()).toEqual(svg);
    expect(opened?.headers()).toMatchObject({
      "content-type": "image/svg+xml",
      "content-security-policy": expect.stringContaining("sandbox"),
      "x-content-type-options": "nosniff",
    });
    expect(await page.evaluate("[document.contentType, document.documentElement.nodeName]")).toEqual([
      "image/svg+xml",
      "svg",
    ]);
    expect(await sidesInPage(page, site, link)).toEqual([64, 48]);
    expect(site.ran).toEqual([]);
    await expectScriptRunsElsewhere(page, site, svg);
  });
});

describe.skipIf(isBrowserMissing)("in S3,", () => {
  describeWithS3("the link of an SVG that has a script", (s3) => {
    test("saves it from the bucket in Chromium, does not run the script, and can stand in a page", async () => {
      const site = await startSite();
      const { svg, environment } = await startScriptedUpstream(site);
      const inS3 = s3Environment(s3, { prefix: `e2e-${randomUUID()}` });
      const stack = await startStack({ environment: { ...environment, ...inS3 } });
      const link = await linkTo(stack, request);
      const store = createObjectStore(objectStoreSettings(inS3));
      const records = await everyGeneration(stack.redis.url);
      onTestFinished(async () => {
        await store.delete(records.flatMap(({ delivery }) => delivery?.images.map(({ key }) => key) ?? []));
        await store.close();
      });
      expect(new URL(link).origin).toBe(new URL(s3.endpoint).origin);

      const page = await openPage();
      const names: string[] = [];
      page.on("download", (download) => names.push(download.suggestedFilename()));
      await expect(page.goto(link)).rejects.toThrow("Download is starting");
      await expect.poll(() => names).toEqual([expect.stringMatching(/\.svg$/)]);
      expect(page.url()).toBe("about:blank");
      expect(await sidesInPage(page, site, link)).toEqual([64, 48]);
      expect(site.ran).toEqual([]);
      await expectScriptRunsElsewhere(page, site, svg);
    });
  });
});

describe.skipIf(isBrowserMissing)("what the sandbox draws", () => {
  test("is an animated GIF with its frames, and an SVG that is shown, in Chromium", async () => {
    const site = await startSite();
    const stack = await startStack();
    const frames = { output_format: "gif", frame_count: 5, frame_duration_ms: 130, size: "480x320" };
    const vectors = { output_format: "svg", size: "1024x640" };
    const gif = await linkTo(stack, { ...request, ...frames });
    const svg = await linkTo(stack, { ...request, ...vectors });

    const page = await openPage();
    const opened = await page.goto(gif);
    expect(opened?.headers()).toMatchObject({ "content-type": "image/gif", "x-content-type-options": "nosniff" });
    expect(await page.title()).toContain("480×320");
    const base64 = (await opened?.body())?.toString("base64");

    await page.goto(svg);
    expect(await page.evaluate("document.documentElement.viewBox.baseVal.width")).toBe(1_024);
    expect(await sidesInPage(page, site, svg)).toEqual([1_024, 640]);

    // An opened link is of no origin and may load nothing, so another page decodes what Chromium was sent.
    const decoded = await page.evaluate(`(async () => {
      const data = Uint8Array.from(atob("${base64}"), (character) => character.charCodeAt(0));
      const decoder = new ImageDecoder({ data, type: "image/gif" });
      await Promise.all([decoder.completed, decoder.tracks.ready]);
      const { frameCount, animated, repetitionCount } = decoder.tracks.selectedTrack;
      const durations = [];
      for (let frameIndex = 0; frameIndex < frameCount; frameIndex++) {
        const { image } = await decoder.decode({ frameIndex });
        durations.push([image.displayWidth, image.displayHeight, image.duration / 1000]);
      }
      return { frameCount, animated, forever: repetitionCount === Infinity, durations };
    })()`);
    expect(decoded).toEqual({
      frameCount: 5,
      animated: true,
      forever: true,
      durations: Array.from({ length: 5 }, () => [480, 320, 130]),
    });
  });
});
