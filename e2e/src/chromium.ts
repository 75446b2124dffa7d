import { access, constants } from "node:fs/promises";
import { type Browser, chromium } from "playwright-core";

/** Where Debian's package puts it. */
const executablePath = process.env["TEST_CHROMIUM"] || "/usr/bin/chromium";

/**
 * Whether there is a Chromium to open links in. False, and said aloud, where there is none on a person's machine; throws where `CI` is
 * set, since a check that is skipped there is not made anywhere.
 */
export async function hasChromium(): Promise<boolean> {
  try {
    await access(executablePath, constants.X_OK);
    return true;
  } catch {
    const problem = `There is no Chromium at ${executablePath} (apt-get install chromium, or name one in TEST_CHROMIUM).`;
    if (process.env["CI"]) throw new Error(`CI is set, and no link can be opened in a browser. ${problem}`);
    console.warn(`\n⚠  SKIPPED: links in a browser. ${problem}\n`);
    return false;
  }
}

/**
 * A Chromium with an empty profile, which goes with it. It is as it comes, but for what it would ask of the network by itself. The
 * caller that starts it closes it.
 */
export function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      // Its own sandbox wants rights that a container does not give. What is opened is ours.
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}
