import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort, temporaryFolder } from "@darkroom/testing";
import { expect, onTestFinished } from "vitest";
import { runProgram } from "./run-program.ts";

/**
 * Whether there is an nginx to put before the api. False, and said aloud, where there is none on a person's machine; throws where `CI`
 * is set, since a check that is skipped there is not made anywhere.
 */
export async function hasNginx(): Promise<boolean> {
  try {
    await runProgram("nginx", ["-v"]);
    return true;
  } catch {
    const problem = "There is no nginx on the PATH (apt-get install nginx-light, or brew install nginx).";
    if (process.env["CI"]) throw new Error(`CI is set, and nothing can be tried behind a proxy. ${problem}`);
    console.warn(`\n⚠  SKIPPED: the callers behind nginx. ${problem}\n`);
    return false;
  }
}

/** An nginx of the test's own before `origin`, as an operator sets one up who changes nothing but the read timeout. Returns its origin. */
export async function startNginx(origin: string, proxyReadTimeoutSeconds: number): Promise<string> {
  const folder = await temporaryFolder();
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);
  const configuration = `
    daemon off; master_process off; pid nginx.pid; error_log error.log;
    events {}
    http {
      access_log off; ${temporary.join(" ")}
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass ${origin}; proxy_http_version 1.1; proxy_read_timeout ${proxyReadTimeoutSeconds}s; }
      }
    }`;
  await writeFile(join(folder, "nginx.conf"), configuration);
  const nginx = spawn("nginx", ["-p", folder, "-c", "nginx.conf"], { stdio: "ignore" });
  onTestFinished(async () => {
    if (nginx.exitCode !== null) return;
    const ended = once(nginx, "exit");
    nginx.kill("SIGTERM");
    await ended;
  });
  await expect.poll(() => answers(port)).toBe(true);
  return `http://127.0.0.1:${port}`;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
