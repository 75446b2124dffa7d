import { ApiError } from "@darkroom/contracts";
import { fakeImage, type FakeUpstream } from "@darkroom/testing";
import { describe, expect, test } from "vitest";
import type { ImageProvider, ProviderReply } from "./image-provider.ts";
import { ProviderError } from "./provider-error.ts";
import { privateAddress } from "./upstream-answers/reasons.fixture.ts";
import type { Pictures, Told, UpstreamAnswer } from "./upstream-answers/row.fixture.ts";
import { upstreamAnswers } from "./upstream-answers/table.fixture.ts";

export type AnswerCandidate = {
  name: "openai" | "volcengine";
  upstream: FakeUpstream;
  /** Asks for `n` images in one request to the upstream; with `partials` as events. The prompt and the key are `secrets`. */
  draw: (n: number, partials: boolean) => ReturnType<ImageProvider["generate"]>;
  secrets: readonly string[];
};

/** What every adapter makes of the answers that upstreams really send: the rows of the table that its upstream can send. */
export function examineAnswers({ name, upstream, draw, secrets }: AnswerCandidate): void {
  const rows = upstreamAnswers.filter(({ only }) => only === undefined || only === name);

  describe("an upstream's answer", () => {
    test.each(rows)("$name", async (row) => {
      upstream.next(row.answer(await picturesOf(upstream.origin)));
      const count = row.n ?? 1;
      const reply = await draw(count, row.partials ?? false).catch((error: unknown): ProviderReply => {
        if (!(error instanceof ProviderError)) throw error;
        return { images: [], missing: Array.from({ length: count }, (_, index) => ({ index, error })) };
      });
      expect(summaryOf(reply, row)).toEqual({ outcome: row.outcome, bill: row.bill, caller: callerOf(row) });
      const told = JSON.stringify(reply.missing.map(({ error: { message, facts } }) => [message, facts.detail]));
      for (const secret of secrets) expect(told).not.toContain(secret);
      // The log may name a machine, the caller must not learn of it.
      expect(reply.missing.map(({ error }) => error.message).join(" ")).not.toContain(privateAddress);
      expect(upstream.requests).toHaveLength(1);
    });
  });
}

async function picturesOf(origin: string): Promise<Pictures> {
  const png = await fakeImage(8, 8, "png");
  return { png: png.toString("base64"), link: (query) => `${origin}/files/8x8.png${query ? `?${query}` : ""}` };
}

const expected = ({ code, says = "", param }: Told) => ({ code, message: expect.stringContaining(says), param });

/** The row's expectation on the caller's answer, in the form of `summaryOf`. */
function callerOf({ caller }: UpstreamAnswer) {
  if (!("images" in caller)) return { status: caller.status, ...expected(caller) };
  return { images: caller.images.map((image) => (typeof image === "string" ? `image/${image}` : expected(image))) };
}

/** What the api answers with, from the record of such a failure. */
function toldOf({ facts }: ProviderError) {
  const answer = new ApiError(facts.code, facts.message, { param: facts.param });
  return { code: answer.code, message: answer.message, param: answer.param ?? undefined };
}

function summaryOf({ images, missing }: ProviderReply, row: UpstreamAnswer) {
  const whole = missing[0]?.error;
  const all = [
    ...images.map(({ index, mediaType }) => ({ index, is: mediaType })),
    ...missing.map(({ index, error }) => ({ index, is: toldOf(error) })),
  ].toSorted((a, b) => a.index - b.index);
  const mayRetry = missing.some(({ error: { facts } }) => facts.retryable && !facts.mayHaveCharged);
  return {
    outcome: mayRetry ? "retried" : images.length > 0 ? "delivered" : "failed",
    bill: { images: images.length, perhapsMore: missing.some(({ error }) => error.facts.mayHaveCharged) },
    caller:
      "images" in row.caller || whole === undefined
        ? { images: all.map(({ is }) => is) }
        : { status: new ApiError(whole.facts.code, "").status, ...toldOf(whole) },
  };
}
