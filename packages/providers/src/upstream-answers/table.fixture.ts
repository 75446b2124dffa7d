import { bodyAnswers } from "./bodies.fixture.ts";
import { imageAnswers } from "./images.fixture.ts";
import { reasonAnswers } from "./reasons.fixture.ts";
import { refusalAnswers } from "./refusals.fixture.ts";
import type { UpstreamAnswer } from "./row.fixture.ts";

/**
 * What upstreams of OpenAI's and Ark's wire formats really answer: what the queue does with it, what is billed, what the caller reads.
 * Most of it comes from public bug reports of LiteLLM, new-api, one-api, sub2api, and users of Azure and Ark.
 */
export const upstreamAnswers: UpstreamAnswer[] = [...imageAnswers, ...bodyAnswers, ...refusalAnswers, ...reasonAnswers];
