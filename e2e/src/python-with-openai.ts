import { join } from "node:path";
import { checkout } from "../../scripts/bootstrap/checkout.mjs";
import { runProgram } from "./run-program.ts";

/** The newest of 2026-11-12. */
const version = "3.22.1";
/** Beside the Node and the pnpm of this checkout, which git ignores. */
const environment = join(checkout, ".darkroom", "tools", `python-openai-${version}`);
const ofEnvironment = join(environment, "bin", "python");

/**
 * A Python that can import `openai`: one that can already, or an environment of its own that pip fills once, by its ordinary ways. Null,
 * and said aloud, where there is neither: not every machine reaches an index of Python packages.
 */
export async function pythonWithOpenai(): Promise<string | null> {
  for (const python of ["python3", ofEnvironment]) if (await canImport(python)) return python;
  try {
    await runProgram("python3", ["-m", "venv", environment]);
    const install = ["-m", "pip", "install", "--quiet", "--retries", "0", "--timeout", "10", `openai==${version}`];
    await runProgram(ofEnvironment, install, { environment: pipSettings() });
    if (await canImport(ofEnvironment)) return ofEnvironment;
  } catch (error) {
    const [reason] = String(error).split("\n");
    console.warn(`\n⚠  SKIPPED: openai-python. It is not installed, and pip cannot install it here: ${reason}\n`);
  }
  return null;
}

/** Where this machine's pip finds packages may be said in its environment. */
function pipSettings(): Record<string, string> {
  const settings = Object.entries(process.env).filter(([name]) => name.startsWith("PIP_"));
  return Object.fromEntries(settings.map(([name, value]) => [name, value ?? ""]));
}

async function canImport(python: string): Promise<boolean> {
  try {
    await runProgram(python, ["-"], { input: "import openai" });
    return true;
  } catch {
    return false;
  }
}
