import type { Generation } from "@darkroom/contracts";

/** A generation that has ended well, with one image behind a link. */
export const generation = (changes: Partial<Generation> = {}): Generation => ({
  id: "gen_01k0000000000000000000000",
  object: "generation",
  status: "succeeded",
  model: "gpt-image-1",
  created_at: 1_790_000_000,
  started_at: 1_790_000_001,
  completed_at: 1_790_000_009,
  expires_at: null,
  queue: null,
  attempts: 1,
  provider: "openai",
  timings_ms: { queued: 1_000, ran: 8_000, total: 9_000 },
  cost: null,
  metadata: { order: "17" },
  batch_id: null,
  request: { prompt: "a red bicycle", job: { metadata: { order: "17" } } },
  response: {
    created: 1_790_000_009,
    data: [{ b64_json: null, url: "https://images.example/1.png", size: "1024x1024" }],
  },
  error: null,
  ...changes,
});
