import { contextHeaders, type Tracer } from "@darkroom/tracing";
import type { HttpClient } from "../http/http-client.ts";
import type { JsonPost } from "../http/exchange.ts";
import { ProviderError } from "../provider-error.ts";

export type TraceHttpClientOptions = {
  tracer: Tracer;
  /**
   * Whether an upstream gets the context of the trace, in `traceparent` and `tracestate`. They go to the API of the provider, and not to the
   * servers from which images are downloaded, which a reply may name as it likes.
   */
  sendsContext: boolean;
};

/** The same client with a span for each exchange and each download, by the semantic conventions for HTTP. The query of a URL is left out. */
export function traceHttpClient(http: HttpClient, { tracer, sendsContext }: TraceHttpClientOptions): HttpClient {
  if (!tracer.isOn) return http;

  function exchange<T extends { status: number }>(post: JsonPost, send: (post: JsonPost) => Promise<T>): Promise<T> {
    return tracer.within({ name: "POST", kind: "client", attributes: addressOf("POST", post.url) }, async (span) => {
      const headers = sendsContext ? { ...contextHeaders(span.context), ...post.headers } : post.headers;
      try {
        const answer = await send({ ...post, headers });
        span.set({ "http.response.status_code": answer.status });
        if (answer.status >= 400) span.fail(String(answer.status));
        return answer;
      } catch (error) {
        if (error instanceof ProviderError) {
          span.set({ "http.response.status_code": error.facts.upstreamStatus });
          span.fail(error.facts.code);
        }
        throw error;
      }
    });
  }

  return {
    ...http,
    postJson: (post) => exchange(post, (sent) => http.postJson(sent)),
    postForEvents: (post, reader) => exchange(post, (sent) => http.postForEvents(sent, reader)),
    downloadImage: (url, signal) =>
      tracer.within({ name: "GET", kind: "client", attributes: addressOf("GET", url) }, async (span) => {
        try {
          const download = await http.downloadImage(url, signal);
          span.set({ "http.response.status_code": 200, "http.response.body.size": download.bytes.byteLength });
          return download;
        } catch (error) {
          if (error instanceof ProviderError) span.fail(error.facts.code);
          throw error;
        }
      }),
  };
}

/** Where a request goes. A reply names links to images, so a URL may be anything; a signed one has its secret in the query. */
function addressOf(method: string, text: string) {
  const url = URL.parse(text);
  if (url === null) return { "http.request.method": method };
  const usualPort = url.protocol === "https:" ? 443 : 80;
  return {
    "http.request.method": method,
    "url.full": `${url.origin}${url.pathname}`.slice(0, 1_024),
    "server.address": url.hostname,
    "server.port": url.port === "" ? usualPort : Number(url.port),
  };
}
