import { runProgram } from "./run-program.ts";

/**
 * A Python that can import `requests`: the first on the PATH, or the system's own. Null, and said aloud, where there is none on a
 * person's machine; throws where `CI` is set, since a check that is skipped there is not made anywhere.
 */
export async function pythonWithRequests(): Promise<string | null> {
  for (const python of ["python3", "/usr/bin/python3"]) {
    try {
      await runProgram(python, ["-"], { input: "import requests" });
      return python;
    } catch {
      // Not there, or without the package: the next may have it.
    }
  }
  const problem = "No python3 here can import requests (apt-get install python3-requests, or pip install requests).";
  if (process.env["CI"]) throw new Error(`CI is set, and the Python example cannot be run. ${problem}`);
  console.warn(`\n⚠  SKIPPED: the Python example of the API reference. ${problem}\n`);
  return null;
}
