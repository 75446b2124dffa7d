import { createServer, request as send } from "node:http";
import { pipeline } from "node:stream/promises";
import { listeningPort } from "@darkroom/testing";

export type S3Gate = {
  url: string;
  /** Refuses every write with an error code of S3 until `open`; reads as well where that is said. */
  refuse: (code: string, options?: { status?: number; reads?: boolean }) => void;
  open: () => void;
  close: () => void;
};

/** Stands before an S3 server. It passes on what it is sent as it stands, so that signatures hold, or refuses writes as S3 does. */
export async function startS3Gate(target: string): Promise<S3Gate> {
  const { hostname, port } = new URL(target);
  let refusal: { code: string; status: number; reads: boolean } | null = null;
  const server = createServer((request, response) => {
    if (refusal !== null && (refusal.reads || request.method === "PUT")) {
      const { code, status } = refusal;
      const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
      request.resume().on("end", () => response.writeHead(status, { "content-type": "application/xml" }).end(body));
      return;
    }
    const { method, url, headers } = request;
    const passed = send({ hostname, port, method, path: url, headers, setHost: false }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, response).catch(() => {});
    });
    pipeline(request, passed).catch(() => response.destroy());
  });
  const listening = await listeningPort(server.listen(0, "127.0.0.1"));
  return {
    url: `http://127.0.0.1:${listening}`,
    refuse: (code, { status = 400, reads = false } = {}) => void (refusal = { code, status, reads }),
    open: () => void (refusal = null),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
