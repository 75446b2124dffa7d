import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Behaviour, fakeImage, hostilePictures, startFakeOpenAi } from "@darkroom/testing";
import type { Row, Scenario, ScenarioSettings } from "../wait/scenario.ts";
import type { DrawingCost } from "./draw-twice.ts";

export const pictures: Scenario = {
  number: 1,
  title: "Pictures that were made to take seconds or a gigabyte",
  run: (settings) =>
    measureAll(
      settings,
      hostilePictures.map(({ name, make }) => ({
        name,
        answer: async () => {
          const bytes = await make();
          return { bytes: bytes.length, behaviour: answerOf({ data: [{ b64_json: bytes.toString("base64") }] }) };
        },
      })),
    ),
};

const megabytes = (text: string, count: number) => text.repeat((count * 1_000_000) / text.length);

export const answers: Scenario = {
  number: 2,
  title: "Answers that were made to take seconds or a gigabyte",
  run: async (settings) => {
    const image = (await fakeImage(64, 64, "png")).toString("base64");
    const streamed = { "content-type": "text/event-stream" };
    const event = JSON.stringify({ type: "image_generation.completed", b64_json: image });
    const bodies: [name: string, behaviour: Behaviour][] = [
      ["a revised_prompt of 60 MB", answerOf({ data: [{ b64_json: image, revised_prompt: megabytes("x", 60) }] })],
      ["a quality of 60 MB", answerOf({ data: [{ b64_json: image }], quality: megabytes("x", 60) })],
      ["an image among 300,000 nulls", answerOf({ data: [...Array<null>(300_000).fill(null), { b64_json: image }] })],
      ["40 MB of empty objects", { body: `{"data":[${megabytes("{},", 39.9999)}{}]}` }],
      ["40 MB of lists within lists", { body: `${megabytes("[", 20)}${megabytes("]", 20)}` }],
      ["40 MB of fields", { body: `{${megabytes('"a":1,', 39.9996)}"a":1}` }],
      ["40 MB of escaped quotes", answerOf({ data: [{ b64_json: image, revised_prompt: megabytes('"', 20) }] })],
      [
        "40 MB of events before the image",
        { headers: streamed, body: `${megabytes("data: {}\n\n", 40)}data: ${event}\n\n` },
      ],
      ["an error of 60 MB", { status: 400, body: { error: { message: megabytes("x", 60) } } }],
      ["an error of 60 MB of keys", { status: 400, body: { error: { message: megabytes("sk-aaaaaaaa ", 60) } } }],
      ["an error of 1 MB of fields", { status: 400, body: `{${megabytes('"a":1,', 0.9996)}"a":1}` }],
    ];
    const cases = bodies.map(([name, behaviour]) => ({
      name,
      answer: async () => {
        const { body } = behaviour;
        return { bytes: (typeof body === "string" ? body : JSON.stringify(body)).length, behaviour };
      },
    }));
    return measureAll(settings, cases);
  },
};

const answerOf = (body: object): Behaviour => ({ body });

type Case = { name: string; answer: () => Promise<{ bytes: number; behaviour: Behaviour }> };

/** Has an ordinary picture drawn and then a hostile one, in a new process for each. */
async function measureAll({ quick, tell }: ScenarioSettings, cases: readonly Case[]): Promise<Row[]> {
  const upstream = await startFakeOpenAi();
  const rows: Row[] = [];
  try {
    for (const { name, answer } of quick ? cases.slice(0, 3) : cases) {
      tell(name);
      const { bytes, behaviour } = await answer();
      upstream.next({}, behaviour);
      const program = join(import.meta.dirname, "draw-twice.ts");
      const { stdout } = await promisify(execFile)(process.execPath, [program, upstream.baseUrl]);
      const cost: DrawingCost = JSON.parse(stdout);
      rows.push({
        what: name,
        KB: Math.ceil(bytes / 1_000),
        outcome: cost.outcome === "delivered" ? "delivered" : "refused",
        "time s": seconds(cost.ms),
        "stall of the worker s": seconds(cost.stallMs),
        "CPU of the worker s": seconds(cost.workerCpuMs),
        "memory of the worker MiB": mebibytes(cost.workerPeakBytes),
        "CPU of the decoder s": seconds(cost.decoderCpuMs),
        "memory of the decoder MiB": mebibytes(cost.decoderPeakBytes),
      });
      upstream.reset();
    }
  } finally {
    await upstream.close();
  }
  return rows;
}

const seconds = (ms: number): number => Math.round(ms / 10) / 100;
const mebibytes = (bytes: number): number => Math.round(bytes / 1024 ** 2);
