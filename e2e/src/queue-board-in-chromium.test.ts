import { hashApiKey, newApiKey } from "@darkroom/accounts";
import { expect, onTestFinished, test } from "vitest";
import { hasChromium, startChromium } from "./chromium.ts";
import { startStack } from "./stack.ts";

const prompt = "a lighthouse that is nobody's business";
const lane = "openai.interactive";

test.skipIf(!(await hasChromium()))(
  "the board of the queues opens in Chromium with the admin key as the password, shows lanes and jobs, and asks no other site",
  async () => {
    const adminKey = newApiKey();
    const stack = await startStack({ environment: { ADMIN_KEY_SHA256: hashApiKey(adminKey), LOG_LEVEL: "info" } });
    const asAdmin = { authorization: `Bearer ${adminKey}` };
    const paused = await fetch(`${stack.origin}/admin/lanes/${lane}/pause`, { method: "POST", headers: asAdmin });
    expect(paused.status).toBe(200);
    const ids = await Promise.all(
      [1, 2, 3].map(async (i) => {
        const headers = {
          authorization: `Bearer ${stack.apiKey}`,
          "content-type": "application/json",
          prefer: "respond-async",
        };
        const answer = await stack.generate(
          { model: "dall-e-2", size: "256x256", prompt: `${prompt} ${i}` },
          { headers },
        );
        return answer.headers.get("x-generation-id") ?? "";
      }),
    );

    const browser = await startChromium();
    onTestFinished(() => browser.close());
    const withoutKey = await (await browser.newContext()).newPage();
    // It has nobody to ask for a password.
    await expect(withoutKey.goto(`${stack.origin}/admin/queues`)).rejects.toThrow("ERR_INVALID_AUTH_CREDENTIALS");

    const context = await browser.newContext({ httpCredentials: { username: "operator", password: adminKey } });
    const page = await context.newPage();
    const asked: string[] = [];
    const complaints: string[] = [];
    const bodies: Promise<string>[] = [];
    page.on("request", (request) => asked.push(request.url()));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(`${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("response", (response) => bodies.push(response.text().catch(() => "")));

    await page.goto(`${stack.origin}/admin/queues`);
    await page.getByText(lane).first().waitFor();
    await page.goto(`${stack.origin}/admin/queues/queue/${lane}?status=prioritized`);
    for (const id of ids) await page.getByText(id).first().waitFor();
    await page.goto(`${stack.origin}/admin/queues/queue/${lane}/${ids[0]}?status=prioritized`);
    await page
      .getByText(ids[0] ?? "")
      .first()
      .waitFor();
    await page.waitForLoadState("networkidle");

    expect(asked.length).toBeGreaterThan(5);
    // Pictures that are in the page itself are asked of nobody.
    expect(asked.filter((url) => !url.startsWith(`${stack.origin}/admin/queues`) && !url.startsWith("data:"))).toEqual(
      [],
    );
    expect(complaints).toEqual([]);
    const texts = (await Promise.all(bodies)).join("\n");
    expect(texts).toContain(ids[0]);
    for (const secret of [prompt, adminKey, stack.apiKey]) expect(texts).not.toContain(secret);
    // What would change something is not offered.
    for (const word of ["Pause", "Obliterate", "Clean", "Promote", "Retry", "Add job"])
      expect([word, await page.getByRole("button", { name: word }).count()]).toEqual([word, 0]);
  },
);
