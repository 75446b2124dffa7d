export { assertPublicUrl, parseOutboundUrl, type UrlRules } from "./assert-public-url.ts";
export { createGuardedAgent, type GuardedAgentOptions } from "./guarded-agent.ts";
export { networkOf } from "./network-of.ts";
export { orAborted } from "./or-aborted.ts";
export { OutboundError, type OutboundErrorCode } from "./outbound-error.ts";
export type { ResolveName } from "./resolve-name.ts";
export { registrableHost } from "./registrable-host.ts";
export { retryAfterMs } from "./retry-after.ts";
