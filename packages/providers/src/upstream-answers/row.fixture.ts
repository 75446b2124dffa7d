import type { ErrorCode } from "@darkroom/contracts";
import type { Behaviour } from "@darkroom/testing";

/** Pictures for an upstream to answer with: each in base64, and behind a link. */
export type Pictures = {
  png: string;
  /** `query` is what the fake's image server understands: `type=image/jpeg`, `gzip`. */
  link: (query?: string) => string;
};

/** What a caller reads of a failure: a part of the message is enough. */
export type Told = { code: ErrorCode; says?: string; param?: string };

/** One thing that an upstream answers, and what it must become. */
export type UpstreamAnswer = {
  name: string;
  answer: (pictures: Pictures) => Behaviour;
  /** The adapters whose upstream can answer so; every one when left out. */
  only?: "openai" | "volcengine";
  /** How many images the caller asks for: one when left out. */
  n?: number;
  /** The caller wants partial images, so that events are asked for. */
  partials?: true;
  /** What the queue does with it: deliver what came, ask again, or end the generation. */
  outcome: "delivered" | "retried" | "failed";
  /** How many images are billed, and whether the provider may have charged for one that was not delivered. */
  bill: { images: number; perhapsMore: boolean };
  /** The format of each image that the caller gets, or why there is none; or the one error of the whole call. */
  caller: { images: ("png" | "svg+xml" | Told)[] } | (Told & { status: number });
};

export const streamed = { "content-type": "text/event-stream" };
export const item = ({ png }: Pictures) => ({ b64_json: png });
export const json = (body: unknown) => JSON.stringify(body);

/** A body whose image arrives, as the PNG that it is. */
export const delivers = (name: string, body: (pictures: Pictures) => unknown, more: Partial<UpstreamAnswer> = {}) =>
  answers(name, (pictures) => ({ body: body(pictures) }), more);

/** The same for a whole answer, of which more than the body is odd. */
export const answers = (
  name: string,
  answer: UpstreamAnswer["answer"],
  more: Partial<UpstreamAnswer> = {},
): UpstreamAnswer => ({
  name,
  answer,
  outcome: "delivered",
  bill: { images: 1, perhapsMore: false },
  caller: { images: ["png"] },
  ...more,
});

/** Ten images were asked for, and what stands in the place of the fourth is none. */
export const oneOfTen = (name: string, fourth: (pictures: Pictures) => unknown, told: Told, perhapsMore: boolean) =>
  delivers(
    `${name} among ten images is one missing image`,
    (pictures) => ({
      data: Array.from({ length: 10 }, (_, index) => (index === 3 ? fourth(pictures) : item(pictures))),
    }),
    {
      n: 10,
      bill: { images: 9, perhapsMore },
      caller: { images: Array.from({ length: 10 }, (_, index) => (index === 3 ? told : ("png" as const))) },
    },
  );

const statusOf = {
  invalid_request_error: 400,
  content_policy_violation: 400,
  moderation_blocked: 400,
  billing_hard_limit_reached: 400,
  upstream_error: 502,
  overloaded: 503,
  timeout_error: 504,
} as const satisfies Partial<Record<ErrorCode, number>>;
export type Refusal = Told & { code: keyof typeof statusOf };

/** An answer that ends the generation, or has it tried again, and costs nothing. */
export const refuses = (
  name: string,
  answer: Behaviour,
  told: Refusal,
  more: Partial<UpstreamAnswer> = {},
): UpstreamAnswer => ({
  name,
  answer: () => answer,
  outcome: "failed",
  bill: { images: 0, perhapsMore: false },
  caller: { status: statusOf[told.code], ...told },
  ...more,
});

export const doubtful = { bill: { images: 0, perhapsMore: true } };
export const policy = { code: "content_policy_violation", says: "safety system" } as const;
export const invalid = (says: string, param?: string): Refusal => ({
  code: "invalid_request_error",
  says,
  ...(param !== undefined && { param }),
});
export const busy: Refusal = { code: "overloaded", says: "busy" } as const;
export const azureFilter = {
  hate: { filtered: false, severity: "safe" },
  violence: { filtered: true, severity: "high" },
};
export const ok = (body: unknown): Behaviour => ({ body });
export const bad = (body: unknown, status = 400): Behaviour => ({ status, body });

/** One event with a whole image, as the wire of each adapter has it. */
export const completed = (pictures: Pictures, more: object = {}) =>
  json({ type: "image_generation.completed", ...item(pictures), ...more });
