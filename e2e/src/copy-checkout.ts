import { cp, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

const checkout = resolve(import.meta.dirname, "../..");
/** All that the apps and their tests are made of. */
const parts = ["apps", "packages", "package.json", "pnpm-workspace.yaml", "tsconfig.base.json", "vitest.config.ts"];

/**
 * A copy of this checkout to change at will, in a folder that the caller removes. Links among packages are copied as they are, so they
 * lead into the copy; what is installed is not copied: a link leads to it.
 */
export async function copyCheckout(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "darkroom-checkout-"));
  for (const part of parts) {
    await cp(join(checkout, part), join(folder, part), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !isTemporary(source),
    });
  }
  await symlink(join(checkout, "node_modules"), join(folder, "node_modules"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** What tools leave in a package's own folder of modules: caches, which may vanish while they are copied. */
const isTemporary = (path: string): boolean => [".vite", ".vite-temp", ".cache"].includes(basename(path));
