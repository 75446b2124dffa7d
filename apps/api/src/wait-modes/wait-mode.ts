import type { FastifyReply } from "fastify";
import type { Call } from "../generation/submit-or-attach.ts";
import type { Preference } from "../http/preference.ts";

/** One way for a caller to wait: submits the generation, or finds an earlier one, and answers, at its own time. Throws `ApiError`. */
export type WaitMode = (call: Call & { preference: Preference }) => Promise<FastifyReply>;
