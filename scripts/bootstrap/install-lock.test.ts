import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "@darkroom/testing";
import { expect, test } from "vitest";
import { withInstallLock } from "./install-lock.mjs";

const lockFile = async () => join(await temporaryFolder(), "install.lock");

test("a second command that wants to install is told who is at it", async () => {
  const file = await lockFile();
  await withInstallLock(async () => {
    await expect(withInstallLock(() => Promise.resolve(), file)).rejects.toThrow(`(process ${process.pid})`);
  }, file);
});

test("the lock is given back, also after a failure", async () => {
  const file = await lockFile();
  await expect(withInstallLock(() => Promise.reject(new Error("no")), file)).rejects.toThrow("no");
  expect(existsSync(file)).toBe(false);
});

test.each(["999999999", ""])("a lock whose owner (%j) is gone is taken over", async (owner) => {
  const file = await lockFile();
  writeFileSync(file, owner);
  expect(await withInstallLock(() => Promise.resolve("done"), file)).toBe("done");
});
