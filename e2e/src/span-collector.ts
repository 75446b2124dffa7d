import { once } from "node:events";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";
import { listeningPort } from "@darkroom/testing";
import { z } from "zod";

const valueSchema = z.union([
  z.object({ stringValue: z.string() }).transform(({ stringValue }): unknown => stringValue),
  z.object({ boolValue: z.boolean() }).transform(({ boolValue }): unknown => boolValue),
  z.object({ intValue: z.coerce.number() }).transform(({ intValue }): unknown => intValue),
  z.object({ doubleValue: z.number() }).transform(({ doubleValue }): unknown => doubleValue),
]);
const attributesSchema = z
  .array(z.object({ key: z.string(), value: valueSchema }))
  .default([])
  .transform((list): Record<string, unknown> => Object.fromEntries(list.map(({ key, value }) => [key, value])));

const kinds = ["", "internal", "server", "client", "producer", "consumer"] as const;

const spanSchema = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  traceState: z.string().optional(),
  name: z.string(),
  kind: z.int().transform((kind) => kinds[kind] ?? ""),
  startTimeUnixNano: z.coerce.bigint(),
  attributes: attributesSchema,
  links: z.array(z.object({ traceId: z.string(), spanId: z.string() })).default([]),
  status: z.object({ code: z.int().default(0) }).optional(),
});

/** As OTLP/HTTP with JSON carries spans: as much of it as the tests look at. */
const exportSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: attributesSchema }),
      scopeSpans: z.array(z.object({ spans: z.array(spanSchema) })),
    }),
  ),
});

export type CollectedSpan = z.output<typeof spanSchema> & {
  /** The attributes of the process that made it. */
  resource: Record<string, unknown>;
};

/** What a collector answers to an export. `silence`: nothing at all. */
type Behaviour = number | "silence";

/** An OTLP/HTTP receiver that keeps the spans that it is sent, taken down with `close`. */
export async function startSpanCollector() {
  const spans: CollectedSpan[] = [];
  const exports: { headers: NodeJS.Dict<string | string[]>; url: string | undefined; body: Buffer }[] = [];
  let behaviour: Behaviour = 200;
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      exports.push({ headers: request.headers, url: request.url, body });
      if (behaviour === "silence") return;
      if (behaviour === 200 && request.headers["content-type"] === "application/json") take(body);
      response.writeHead(behaviour, { "content-type": "application/json" }).end("{}");
    });
  });

  function take(body: Buffer): void {
    for (const { resource, scopeSpans } of exportSchema.parse(JSON.parse(body.toString())).resourceSpans) {
      for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
        spans.push({ ...span, resource: resource.attributes });
      }
    }
  }

  const port = await listeningPort(server.listen(0, "127.0.0.1"));
  return {
    url: `http://127.0.0.1:${port}`,
    spans: spans as readonly CollectedSpan[],
    /** Every export as it came. */
    exports: exports as readonly (typeof exports)[number][],
    answerWith: (next: Behaviour): void => void (behaviour = next),
    async close(): Promise<void> {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export type SpanCollector = Awaited<ReturnType<typeof startSpanCollector>>;

/**
 * A trace as lines: each span with its kind, its name and the type of its error, below its parent. Children stand in the order in which they
 * began. A span whose parent is not there is at the top.
 */
export function drawTrace(all: readonly CollectedSpan[], traceId: string): string[] {
  const spans = all.filter((span) => span.traceId === traceId);
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const below = (parent: string | undefined) =>
    spans
      .filter(({ parentSpanId }) => (parent === undefined ? !ids.has(parentSpanId ?? "") : parentSpanId === parent))
      .toSorted((a, b) => (a.startTimeUnixNano < b.startTimeUnixNano ? -1 : 1));
  const draw = (span: CollectedSpan, depth: number): string[] => {
    const error = span.status?.code === 2 ? ` ! ${String(span.attributes["error.type"])}` : "";
    return [
      `${"  ".repeat(depth)}${span.kind} ${span.name}${error}`,
      ...below(span.spanId).flatMap((child) => draw(child, depth + 1)),
    ];
  };
  return below(undefined).flatMap((root) => draw(root, 0));
}
