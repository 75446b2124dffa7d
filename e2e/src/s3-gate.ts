import { createServer, request as send } from "node:http";
import { pipeline } from "node:stream/promises";
import { listeningPort } from "@darkroom/testing";

export type S3Gate = {
  url: string;
  /** Refuses every write with an error code of S3 until `open`. */
  refuse: (code: string) => void;
  open: () => void;
  close: () => void;
};

/** Stands before an S3 server. It passes on what it is sent as it stands, so that signatures hold, or refuses writes as S3 does. */
export async function startS3Gate(target: string): Promise<S3Gate> {
  const { hostname, port } = new URL(target);
  let code: string | null = null;
  const server = createServer((request, response) => {
    if (code !== null && request.method === "PUT") {
      const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;
      request.resume().on("end", () => response.writeHead(400, { "content-type": "application/xml" }).end(body));
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
    refuse: (given) => (code = given),
    open: () => (code = null),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
