import { good, type Refusal, testRefusals, withField } from "./refusal.fixture.ts";

const dalle3 = (field: object) => ({ ...good, model: "dall-e-3", ...field });
const gpt1 = (field: object) => ({ ...good, model: "gpt-image-1", ...field });
const gpt2 = (field: object) => ({ ...good, model: "gpt-image-2", ...field });
const doubao = (field: object) => ({ ...good, model: "doubao-seedream-3-0-t2i", ...field });

/** What is wrong, the body, the parameter that must be named, and the message. */
type Row = [it: string, body: unknown, param: string, message: string | RegExp];

const fields: Row[] = [
  ["prompt missing", { model: "dall-e-2" }, "prompt", "Missing required parameter: 'prompt'."],
  [
    "prompt null",
    withField({ prompt: null }),
    "prompt",
    "Invalid type for 'prompt': expected a string, but got null instead.",
  ],
  [
    "prompt a number",
    withField({ prompt: 7 }),
    "prompt",
    "Invalid type for 'prompt': expected a string, but got a number instead.",
  ],
  [
    "prompt a list",
    withField({ prompt: ["a cat"] }),
    "prompt",
    "Invalid type for 'prompt': expected a string, but got an array instead.",
  ],
  ["prompt empty", withField({ prompt: "" }), "prompt", "Invalid 'prompt': it must not be empty."],
  [
    "prompt with half an emoji",
    withField({ prompt: "a \ud83d cat" }),
    "prompt",
    "Invalid 'prompt': must be well-formed Unicode, without half a surrogate pair.",
  ],
  [
    "model a number",
    withField({ model: 3 }),
    "model",
    "Invalid type for 'model': expected a string, but got a number instead.",
  ],
  [
    "model unknown",
    withField({ model: "dall-e-9" }),
    "model",
    /^Invalid model specified\. 'dall-e-9' is not served here; the models are: 'dall-e-2', /,
  ],
  ["model empty", withField({ model: "" }), "model", /^Invalid model specified\./],
  [
    "model named like a property of every object",
    withField({ model: "__proto__" }),
    "model",
    /^Invalid model specified\./,
  ],
  ["n zero", withField({ n: 0 }), "n", "Invalid 'n': 0 is below the minimum, which is 1."],
  ["n negative", withField({ n: -1 }), "n", "Invalid 'n': -1 is below the minimum, which is 1."],
  ["n eleven", withField({ n: 11 }), "n", "Invalid 'n': 11 is above the maximum, which is 10."],
  [
    "n a fraction",
    withField({ n: 1.5 }),
    "n",
    "Invalid type for 'n': expected an integer, but got a decimal number instead.",
  ],
  ["n a string", withField({ n: "1" }), "n", "Invalid type for 'n': expected a number, but got a string instead."],
  ["n beyond all numbers", '{"prompt":"a cat","n":1e999}', "n", /^Invalid/],
  ["n two for dall-e-3", dalle3({ n: 2 }), "n", "Invalid 'n': 2 is above the maximum, which is 1 for 'dall-e-3'."],
  [
    "size a number",
    withField({ size: 1024 }),
    "size",
    "Invalid type for 'size': expected a string, but got a number instead.",
  ],
  [
    "size unknown to dall-e-2",
    withField({ size: "1792x1024" }),
    "size",
    "Invalid value for 'size': '1792x1024'. Supported values for 'dall-e-2' are: '256x256', '512x512', '1024x1024'.",
  ],
  [
    "size unknown to dall-e-3",
    dalle3({ size: "256x256" }),
    "size",
    /Supported values for 'dall-e-3' are: '1024x1024', '1792x1024', '1024x1792'\.$/,
  ],
  ["size unknown to gpt-image-1", gpt1({ size: "512x512" }), "size", /^Invalid value for 'size': '512x512'\./],
  ["size not divisible by 16 for gpt-image-2", gpt2({ size: "1000x1001" }), "size", /both sides divisible by 16/],
  ["size too wide for gpt-image-2", gpt2({ size: "3200x1024" }), "size", /the longer side at most 3 times the shorter/],
  ["size too small for doubao", doubao({ size: "256x256" }), "size", /no side below 512/],
  ["size with a capital X", doubao({ size: "1024X1024" }), "size", /^Invalid value for 'size': '1024X1024'\./],
  [
    "quality a list",
    dalle3({ quality: ["hd"] }),
    "quality",
    "Invalid type for 'quality': expected a string, but got an array instead.",
  ],
  [
    "quality of another model",
    dalle3({ quality: "high" }),
    "quality",
    "Invalid value for 'quality': 'high'. Supported values for 'dall-e-3' are: 'auto', 'standard', 'hd'.",
  ],
  ["style a number", dalle3({ style: 1 }), "style", /^Invalid type for 'style'/],
  [
    "style unknown",
    dalle3({ style: "loud" }),
    "style",
    "Invalid value for 'style': 'loud'. Supported values for 'dall-e-3' are: 'vivid', 'natural'.",
  ],
  [
    "style for a model without",
    withField({ style: "vivid" }),
    "style",
    "'dall-e-2' does not support 'style'. Models that do: 'dall-e-3'.",
  ],
  ["background a boolean", gpt1({ background: true }), "background", /^Invalid type for 'background'/],
  [
    "background unknown",
    gpt1({ background: "green" }),
    "background",
    /Supported values for 'gpt-image-1' are: 'auto', 'transparent', 'opaque'\.$/,
  ],
  [
    "background for a model without",
    dalle3({ background: "opaque" }),
    "background",
    /^'dall-e-3' does not support 'background'\./,
  ],
  [
    "a transparent JPEG",
    gpt1({ background: "transparent", output_format: "jpeg" }),
    "background",
    /needs 'output_format' to be 'png' or 'webp'; here it is 'jpeg'\.$/,
  ],
  [
    "moderation unknown",
    gpt1({ moderation: "none" }),
    "moderation",
    /Supported values for 'gpt-image-1' are: 'auto', 'low'\.$/,
  ],
  ["moderation for a model without", doubao({ moderation: "low" }), "moderation", /does not support 'moderation'/],
  ["output_format unknown", gpt1({ output_format: "gif" }), "output_format", /'png', 'jpeg', 'webp'\.$/],
  [
    "output_format for a model without",
    withField({ output_format: "png" }),
    "output_format",
    /does not support 'output_format'/,
  ],
  [
    "output_compression over a hundred",
    gpt1({ output_compression: 101 }),
    "output_compression",
    "Invalid 'output_compression': 101 is above the maximum, which is 100.",
  ],
  ["output_compression a string", gpt1({ output_compression: "85" }), "output_compression", /^Invalid type/],
  [
    "output_compression for a model without",
    withField({ output_compression: 85 }),
    "output_compression",
    /does not support/,
  ],
  ["seed below -1", doubao({ seed: -2 }), "seed", "Invalid 'seed': -2 is below the minimum, which is -1."],
  [
    "seed over 31 bits",
    doubao({ seed: 2_147_483_648 }),
    "seed",
    "Invalid 'seed': 2147483648 is above the maximum, which is 2147483647.",
  ],
  [
    "seed for a model without",
    gpt1({ seed: 1 }),
    "seed",
    "'gpt-image-1' does not support 'seed'. Models that do: 'doubao-seedream-3-0-t2i'.",
  ],
  [
    "guidance_scale below one",
    doubao({ guidance_scale: 0.9 }),
    "guidance_scale",
    "Invalid 'guidance_scale': 0.9 is below the minimum, which is 1.",
  ],
  [
    "guidance_scale over ten",
    doubao({ guidance_scale: 10.1 }),
    "guidance_scale",
    "Invalid 'guidance_scale': 10.1 is above the maximum, which is 10.",
  ],
  ["guidance_scale for a model without", withField({ guidance_scale: 2 }), "guidance_scale", /does not support/],
  [
    "watermark a string",
    doubao({ watermark: "true" }),
    "watermark",
    "Invalid type for 'watermark': expected a boolean, but got a string instead.",
  ],
  ["watermark for a model without", withField({ watermark: true }), "watermark", /does not support/],
  [
    "response_format unknown",
    withField({ response_format: "png" }),
    "response_format",
    "Invalid value for 'response_format': 'png'. Supported values are: 'url', 'b64_json'.",
  ],
  [
    "response_format an object that has no text",
    withField({ response_format: { toString: 1, valueOf: 1 } }),
    "response_format",
    /^Invalid/,
  ],
  ["user a number", withField({ user: 12 }), "user", /^Invalid type for 'user'/],
  [
    "user too long",
    withField({ user: "u".repeat(513) }),
    "user",
    "Invalid 'user': the maximum length is 512 characters.",
  ],
  [
    "safety_identifier too long",
    withField({ safety_identifier: "s".repeat(513) }),
    "safety_identifier",
    "Invalid 'safety_identifier': the maximum length is 512 characters.",
  ],
  ["complexity for a model without", dalle3({ complexity: "low" }), "complexity", /does not support 'complexity'/],
  ["frame_count of one", gpt1({ frame_count: 1 }), "frame_count", /^Invalid 'frame_count': 1 is below the minimum/],
  ["frame_count for a model without", dalle3({ frame_count: 9 }), "frame_count", /does not support 'frame_count'/],
  [
    "frame_duration_ms beyond what a GIF can say",
    gpt1({ frame_duration_ms: 655_351 }),
    "frame_duration_ms",
    /above the maximum, which is 655350\.$/,
  ],
  ["svg without its model", gpt1({ svg: {} }), "svg.model", "Missing required parameter: 'svg.model'."],
  [
    "svg with an effort that there is not",
    gpt1({ svg: { model: "gpt-5.6", reasoning: { effort: "huge" } } }),
    "svg.reasoning.effort",
    /^Invalid value for 'svg\.reasoning\.effort': 'huge'\./,
  ],
  [
    "a series of sixteen",
    doubao({ sequential_image_generation_options: { max_images: 16 } }),
    "sequential_image_generation_options.max_images",
    /above the maximum, which is 15\.$/,
  ],
  [
    "a series for a model without",
    gpt1({ sequential_image_generation: "auto" }),
    "sequential_image_generation",
    /does not support 'sequential_image_generation'/,
  ],
  [
    "optimize_prompt_options with an unknown field",
    doubao({ optimize_prompt_options: { speed: 1 } }),
    "optimize_prompt_options.speed",
    "Unknown parameter: 'optimize_prompt_options.speed'.",
  ],
  [
    "job a list",
    withField({ job: [] }),
    "job",
    "Invalid type for 'job': expected an object, but got an array instead.",
  ],
  [
    "job.expires_in zero",
    withField({ job: { expires_in: 0 } }),
    "job.expires_in",
    "Invalid 'job.expires_in': 0 is below the minimum, which is 1.",
  ],
  [
    "job.expires_in over a day",
    withField({ job: { expires_in: 86_401 } }),
    "job.expires_in",
    /above the maximum, which is 86400\.$/,
  ],
  [
    "job.metadata with a number in it",
    withField({ job: { metadata: { a: 1 } } }),
    "job.metadata.a",
    "Invalid type for 'job.metadata.a': expected a string, but got a number instead.",
  ],
  [
    "job.metadata with seventeen pairs",
    withField({ job: { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, "v"])) } }),
    "job.metadata",
    "Invalid 'job.metadata': must have at most 16 pairs.",
  ],
  [
    "job with an unknown field",
    withField({ job: { priority: 1 } }),
    "job.priority",
    "Unknown parameter: 'job.priority'.",
  ],
  ["an unknown field", withField({ seeds: 1 }), "seeds", "Unknown parameter: 'seeds'."],
  [
    "a poisoned prototype",
    '{"prompt":"a cat","__proto__":{"admin":true}}',
    "__proto__",
    "Unknown parameter: '__proto__'.",
  ],
  [
    "a poisoned constructor",
    '{"prompt":"a cat","constructor":{"prototype":{"admin":true}}}',
    "constructor",
    "Unknown parameter: 'constructor'.",
  ],
];

const limits = { "dall-e-2": 1_000, "dall-e-3": 4_000, "gpt-image-1": 32_000, "gpt-image-2": 32_000 };
const prompts = Object.entries(limits).flatMap(([model, limit]) =>
  ["x", "🐈"].map((character): Row => {
    const body = { model, prompt: character.repeat(limit + 1) };
    const message = `Invalid 'prompt': '${model}' takes at most ${limit} characters, but this prompt has ${limit + 1}.`;
    return [`${limit + 1} times ${character} for ${model}`, body, "prompt", message];
  }),
);

const refusal = ([it, body, param, message]: Row): Refusal =>
  Object.assign({ status: 400, code: "invalid_request_error", it, body, param, message });

testRefusals("fields", fields.map(refusal));
testRefusals("prompts over the limit of their model", prompts.map(refusal));
