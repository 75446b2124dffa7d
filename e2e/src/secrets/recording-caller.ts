import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Found } from "./read-everything.ts";

export type Answer = { status: number; headers: Record<string, unknown>; body: Buffer };

export type Call = {
  method?: string;
  key?: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON, a string as it is. */
  body?: object | string;
  /** The answer is the one place where a secret is told, and is not recorded. */
  tellsSecret?: boolean;
};

/** Calls a service as it is told to, however wrong that is, and keeps every answer. */
export function createRecordingCaller() {
  const answers: Found[] = [];
  const codes = new Set<string>();

  function record(where: string, bytes: Buffer): void {
    answers.push({ where, bytes });
    // In a body of its own, in a stream of events, or in a generation that failed.
    for (const [, code = ""] of bytes.toString("latin1").matchAll(/"code":\s*"(\w+)"/g)) codes.add(code);
  }

  return {
    answers: (): readonly Found[] => answers,
    /** Every error code that was in an answer. */
    codes: (): ReadonlySet<string> => codes,

    /** Resolves with the answer, whatever its status. The path is sent as it stands. */
    async call(origin: string, path: string, options: Call = {}): Promise<Answer> {
      const { method = options.body === undefined ? "GET" : "POST", key, body, tellsSecret = false } = options;
      const headers = {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
        ...options.headers,
      };
      const { hostname, port } = new URL(origin);
      const answer = await new Promise<Answer>((resolve, reject) => {
        const request = httpRequest({ hostname, port, path, method, headers, agent: false }, (response) => {
          const { statusCode: status = 0, headers: received } = response;
          buffer(response).then((bytes) => resolve({ status, headers: received, body: bytes }), reject);
        });
        request.once("error", reject);
        request.end(typeof body === "object" ? JSON.stringify(body) : body);
      });
      if (!tellsSecret) {
        const head = Buffer.from(`${answer.status} ${JSON.stringify(answer.headers)}\n`);
        record(`${method} ${path}: ${answer.status}`, Buffer.concat([head, answer.body]));
      }
      return answer;
    },

    /** Sends bytes that need not be HTTP and resolves when the other side has hung up. */
    async sendBytes(origin: string, bytes: string): Promise<void> {
      const { hostname, port } = new URL(origin);
      const socket = connect(Number(port), hostname);
      socket.write(bytes);
      record(`bytes ${JSON.stringify(bytes.slice(0, 20))}`, await buffer(socket));
    },
  };
}
