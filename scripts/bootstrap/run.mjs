import { spawn } from "node:child_process";

// Enough for every error message we look for; an installer may print megabytes.
const keptCharacters = 64 * 1024;

/**
 * Runs a program to its end without showing what it prints. It gets no stdin, so it cannot ask questions.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number }} [options]
 * @returns {Promise<{ code: number | null, output: string }>} what it printed at last, stdout and stderr together;
 * `code` is null when it could not be started, ran into the timeout, or was killed
 */
export function run(command, args, { cwd, env, timeoutMs } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, timeout: timeoutMs, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    /** @param {Buffer} chunk */
    const keep = (chunk) => {
      output = (output + chunk).slice(-keptCharacters);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", (error) => resolve({ code: null, output: error.message }));
    child.on("close", (code) => resolve({ code, output: output.trim() }));
  });
}

/**
 * The last lines of a program's output, indented, to stand under a sentence.
 * @param {string} output
 * @param {number} [count]
 */
export function lastLines(output, count = 8) {
  return output
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-count)
    .map((line) => `  ${line}`)
    .join("\n");
}
