import { createGuardedAgent, type ResolveName, type UrlRules } from "@darkroom/outbound";
import type { Dispatcher } from "undici";

export type WebhookHttpOptions = {
  /** Also post to addresses of our own network. Default: false. For tests, the local stack, and operators who say so. */
  allowPrivate?: boolean;
  /** Also post over plain http. Default: false. */
  allowInsecure?: boolean;
  /** For one attempt as a whole: name, connection, TLS, request and answer. Default: 15 seconds, as the specification suggests. */
  timeoutMs?: number;
  /** The same for an address that did not answer before. Default: three seconds, in which most receivers that are well answer. */
  hungTimeoutMs?: number;
  resolve?: ResolveName;
};

/** The way from webhooks to the outside. */
export type WebhookHttp = {
  readonly dispatcher: Dispatcher;
  readonly rules: UrlRules;
  readonly timeoutMs: number;
  readonly hungTimeoutMs: number;
  close(): Promise<void>;
};

/** Creates the HTTP client of webhooks. The caller closes it. */
export function createWebhookHttp(options: WebhookHttpOptions = {}): WebhookHttp {
  const { allowPrivate = false, allowInsecure = false, timeoutMs = 15_000, resolve } = options;
  const { hungTimeoutMs = Math.min(3_000, timeoutMs) } = options;
  const dispatcher = createGuardedAgent({
    allowPrivate,
    resolve,
    connectTimeoutMs: timeoutMs,
    // One clock is enough: the attempt's own, which covers all of it and is exact.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  const rules = { allowPrivate, allowInsecure };
  return { dispatcher, rules, timeoutMs, hungTimeoutMs, close: () => dispatcher.destroy() };
}
