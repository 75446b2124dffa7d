import type { WebhookEvent } from "@darkroom/contracts";
import { orAborted, OutboundError, parseOutboundUrl, retryAfterMs } from "@darkroom/outbound";
import { type Dispatcher, request } from "undici";
import { discardBody } from "./discard-body.ts";
import { signWebhook } from "./sign-webhook.ts";
import type { WebhookHttp } from "./webhook-http.ts";

export type WebhookPost = {
  url: string;
  /** The same for every attempt at one event. */
  id: string;
  /** When this attempt is made, by the clock. Not the event's own time. */
  sentAtMs: number;
  payload: WebhookEvent;
  /** `whsec_…`, the newest first: more than one while rotating. */
  secrets: readonly string[];
  /** Sent beside those of the signature. */
  headers?: Record<string, string>;
  /** The address did not answer an attempt before this one: it is given `hungTimeoutMs`. */
  hungBefore?: boolean;
  signal?: AbortSignal | undefined;
};

/** How an attempt ended. `what` is a sentence for the operator of the receiver: no secret, no URL, nothing the receiver said. */
export type WebhookAnswer =
  | { outcome: "delivered"; status: number }
  /**
   * Try again: after `afterMs` at the earliest, if the receiver said so. `status` is null where there was no answer, `hung` where that took
   * all of the time it was given, or as long as an address that hung is given.
   */
  | { outcome: "retry"; what: string; status: number | null; hung?: boolean; afterMs?: number }
  /** The receiver wants no webhooks any more: send nothing to this URL again. */
  | { outcome: "gone"; what: string; status: 410 }
  /** The URL breaks a rule, so nothing was sent and nothing ever will be. */
  | { outcome: "refused"; what: string };

/** The longest pause of the schedule: a receiver may spread attempts, not put them off for good. */
const longestRetryAfterMs = 86_400_000;

/**
 * Posts an event once, signed by the Standard Webhooks specification. 2xx is success; a redirect is not followed (it would carry the
 * event elsewhere) and, like every other answer, means to try again.
 *
 * Throws where `signal` aborts, its reason as it stands, and where there is no secret.
 */
export async function postWebhook(post: WebhookPost, http: WebhookHttp): Promise<WebhookAnswer> {
  post.signal?.throwIfAborted();
  const body = JSON.stringify(post.payload);
  const headers = {
    "content-type": "application/json",
    "accept-encoding": "identity",
    "user-agent": "Darkroom-Webhooks/1",
    ...post.headers,
    ...signWebhook({ id: post.id, sentAtMs: post.sentAtMs, body }, post.secrets),
  };
  const timeoutMs = post.hungBefore === true ? http.hungTimeoutMs : http.timeoutMs;
  const timeout = AbortSignal.timeout(timeoutMs);
  const begunAtMs = performance.now();
  const signal = post.signal === undefined ? timeout : AbortSignal.any([timeout, post.signal]);
  let response: Dispatcher.ResponseData;
  try {
    const url = parseOutboundUrl(post.url, http.rules);
    const call = request(url, { method: "POST", headers, body, dispatcher: http.dispatcher, signal });
    response = await orAborted(call, signal);
  } catch (error) {
    post.signal?.throwIfAborted();
    if (error instanceof OutboundError && !error.retryable) return { outcome: "refused", what: error.message };
    const what = timeout.aborted ? `The receiver did not answer within ${timeoutMs / 1000} seconds.` : describe(error);
    // A name server, a connection or a handshake that took that long has held a slot as well.
    const hung = timeout.aborted || performance.now() - begunAtMs >= http.hungTimeoutMs;
    return { outcome: "retry", what, status: null, ...(hung && { hung }) };
  }
  await discardBody(response.body);
  return read(response, post.sentAtMs);
}

function read({ statusCode: status, headers }: Dispatcher.ResponseData, nowMs: number): WebhookAnswer {
  if (status >= 200 && status <= 299) return { outcome: "delivered", status };
  if (status === 410) return { outcome: "gone", status, what: "The receiver answered 410: it wants no more webhooks." };
  if (status >= 300 && status <= 399) {
    return { outcome: "retry", status, what: `The receiver answered ${status}, but redirects are not followed.` };
  }
  const what = `The receiver answered ${status}.`;
  const [after, date] = ["retry-after", "date"].map((name) => [headers[name]].flat()[0]);
  const asks = status === 429 || status === 503;
  const afterMs = asks ? retryAfterMs({ "retry-after": after, date }, nowMs, longestRetryAfterMs) : undefined;
  return afterMs === undefined ? { outcome: "retry", what, status } : { outcome: "retry", what, status, afterMs };
}

/** Codes alone: the text of a TLS error quotes the receiver's certificate. */
function describe(error: unknown): string {
  if (error instanceof OutboundError) return error.message;
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  if (code === "ECONNREFUSED") return "The receiver refused the connection (ECONNREFUSED).";
  if (/CERT|^ERR_(TLS|SSL)|UNABLE_TO|SIGNATURE|^EPROTO$/.test(code)) return `The TLS connection failed (${code}).`;
  return `The connection to the receiver failed (${code}).`;
}
