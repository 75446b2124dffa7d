import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { freePort, temporaryFolder } from "@darkroom/testing";
import { onTestFinished, vi } from "vitest";
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
  const port = await freePort();
  const end = await runNginx({
    port,
    folder: await temporaryFolder(),
    configuration: `
      events {}
      http {
        server {
          listen 127.0.0.1:${port};
          location / { proxy_pass ${origin}; proxy_http_version 1.1; proxy_read_timeout ${proxyReadTimeoutSeconds}s; }
        }
      }`,
  });
  onTestFinished(end);
  return `http://127.0.0.1:${port}`;
}

export type RunNginxOptions = {
  configuration: string;
  /** The port that the configuration listens on. */
  port: number;
  /** Where it finds and puts its files. */
  folder: string;
};

/** Runs an nginx. What it needs to run beside others, in a folder and without rights, is added. Returns the function that ends it. */
export async function runNginx({ configuration, port, folder }: RunNginxOptions): Promise<() => Promise<void>> {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${name};`);
  const whole =
    "daemon off; master_process off; pid nginx.pid; error_log error.log;\n" +
    configuration.replace(/^\s*http \{/m, (begin) => `${begin} access_log off; ${temporary.join(" ")}`);
  await writeFile(join(folder, "nginx.conf"), whole);
  const nginx = spawn("nginx", ["-p", folder, "-c", "nginx.conf"], { stdio: "ignore" });
  const end = async () => {
    if (nginx.exitCode !== null) return;
    const ended = once(nginx, "exit");
    nginx.kill("SIGTERM");
    await ended;
  };
  try {
    await vi.waitUntil(() => answers(port), { timeout: 30_000 });
    return end;
  } catch (error) {
    await end();
    throw error;
  }
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
