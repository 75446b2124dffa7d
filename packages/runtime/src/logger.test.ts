import { describe, expect, onTestFinished, test, vi } from "vitest";
import { z } from "zod";
import { createLogger, type LoggerOptions } from "./logger.ts";

/** A logger, and what it has written: each line parsed, and all of it as text. */
function openLog(options: Partial<LoggerOptions> = {}) {
  const written: string[] = [];
  const destination = { write: (line: string) => void written.push(line) };
  const log = createLogger({ name: "test", level: "debug", pretty: false, destination, ...options });
  return { log, lines: () => written.map((line) => JSON.parse(line)), text: () => written.join("") };
}

/** As ioredis throws it: with the whole command. */
const replyError = (message: string, args: string[] = []) =>
  Object.assign(new Error(message), { name: "ReplyError", command: { name: "evalsha", args } });

const secret = "a very private cat";

test("an error of Redis is written without the arguments of its command", () => {
  const { log, lines, text } = openLog();
  log.error({ generationId: "gen_1", err: replyError("OOM command not allowed", ["3", secret]) }, "It failed");
  expect(text()).not.toContain(secret);
  expect(lines()).toEqual([
    expect.objectContaining({
      msg: "It failed",
      generationId: "gen_1",
      err: { type: "ReplyError", message: "OOM command not allowed", commandName: "evalsha" },
    }),
  ]);
});

test("an error is written alike under any name, alone, in a list, as a cause and in an aggregate", () => {
  const { log, lines, text } = openLog();
  const inner = () => replyError("MISCONF Redis cannot save", [secret]);
  log.error({ failure: inner() }, "Named otherwise");
  log.error({ failures: [inner(), inner()] }, "In a list");
  log.error({ err: new Error("outer", { cause: inner() }) }, "As a cause");
  log.error({ err: new AggregateError([inner(), inner()], "several") }, "In an aggregate");
  log.error(inner());
  log.error({ err: inner() });
  expect(text()).not.toContain(secret);
  const serialized = expect.objectContaining({ message: "MISCONF Redis cannot save", commandName: "evalsha" });
  expect(lines()).toMatchObject([
    { failure: serialized },
    { failures: [serialized, serialized] },
    { err: { message: "outer", cause: serialized } },
    { err: { message: "several", errors: [serialized, serialized] } },
    { err: serialized, msg: "MISCONF Redis cannot save" },
    { err: serialized, msg: "MISCONF Redis cannot save" },
  ]);
});

test("facts that tell where it failed are kept, and nothing else that an error carries", () => {
  const { log, lines, text } = openLog();
  const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), {
    code: "ECONNREFUSED",
    errno: -111,
    syscall: "connect",
    address: "127.0.0.1",
    port: 1,
    input: secret,
    body: secret,
    headers: { authorization: secret },
    buffer: Buffer.from(secret),
  });
  log.error({ err: refused }, "It failed");
  expect(text()).not.toMatch(/private|input|body|headers|buffer/);
  const { err } = lines()[0];
  expect(err).toMatchObject({ code: "ECONNREFUSED", errno: -111, syscall: "connect", address: "127.0.0.1", port: 1 });
  expect(err.stack).toMatch(/^ {4}at .*logger\.test\.ts/);
});

describe("a message", () => {
  const thrownBy = (run: () => unknown): unknown => {
    try {
      return run();
    } catch (error) {
      return error;
    }
  };
  const metadata = z.object({ job: z.object({ metadata: z.record(z.string(), z.number()) }) });

  test.each<[what: string, error: unknown, message: string]>([
    [
      "of Redis does not repeat what it was sent",
      replyError(`ERR unknown command 'evalsha', with args beginning with: '${secret}' 'x' `),
      "ERR unknown command 'evalsha'",
    ],
    [
      "of JSON.parse does not quote the text",
      thrownBy(() => JSON.parse(secret)),
      "Unexpected token 'a', the text is not valid JSON",
    ],
    [
      "of zod does not name the keys of metadata",
      thrownBy(() => metadata.parse({ job: { metadata: { [secret]: "x" } } })),
      "1 faults: job.metadata: invalid_type",
    ],
    ["is cut where it is long", new Error("x".repeat(5_000)), `${"x".repeat(1_000)}…`],
    ["of a thrown string is the string", "just a string", "just a string"],
  ])("%s", (_what, error, message) => {
    const { log, lines, text } = openLog();
    log.error({ err: error });
    expect(lines()[0].msg).toBe(message);
    expect(text()).not.toContain(secret);
  });

  test("is not taken for a line of the stack", () => {
    const { log, text } = openLog();
    log.error({ err: new TypeError(`first\n    at ${"x".repeat(1_000)}${secret}`) }, "It failed");
    expect(text()).not.toContain(secret);
  });
});

test("passwords in URLs and keys are masked wherever they stand", () => {
  const { log, text } = openLog();
  log.info({ url: "redis://default:p4ssw0rd@10.0.0.1:6379/0" }, "Connecting to redis://:p4ssw0rd@10.0.0.1:6379");
  log.info({ err: new Error("https://user:p4ssw0rd@host/path?x=1@2 failed") });
  expect(text()).not.toContain("p4ssw0rd");
  expect(text()).toContain("redis://…@10.0.0.1:6379/0");
  expect(text()).toContain("https://…@host/path?x=1@2");
});

test("advice stands with the error that it is about", () => {
  const { log, lines } = openLog({ advise: ({ message }) => (message.startsWith("OOM") ? "Add memory." : undefined) });
  log.error({ err: new Error("outer", { cause: replyError("OOM") }) }, "It failed");
  expect(lines()[0].err).toMatchObject({ message: "outer", cause: { message: "OOM", advice: "Add memory." } });
  expect(lines()[0].err).not.toHaveProperty("advice");
});

describe("a warning that repeats", () => {
  function openRepeats() {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { log, lines } = openLog();
    return { log, lines: () => lines().map(({ msg, repeats, generationId }) => ({ msg, repeats, generationId })) };
  }
  const full = () => replyError("OOM command not allowed when used memory > 'maxmemory'.");

  test("is written once, and its repeats are told once a minute for as long as it lasts", () => {
    const { log, lines } = openRepeats();
    for (let i = 0; i < 5_000; i++) log.warn({ err: full() }, "The lane cannot be read");
    expect(lines()).toMatchObject([{ msg: "The lane cannot be read" }]);
    vi.advanceTimersByTime(60_000);
    log.warn({ err: full() }, "The lane cannot be read");
    vi.advanceTimersByTime(60_000);
    expect(lines().slice(1)).toMatchObject([
      { msg: "The lane cannot be read (repeated)", repeats: 4_999 },
      { msg: "The lane cannot be read (repeated)", repeats: 1 },
    ]);
    vi.advanceTimersByTime(60_000);
    log.warn({ err: full() }, "The lane cannot be read");
    expect(lines().slice(3)).toMatchObject([{ msg: "The lane cannot be read" }]);
  });

  test("is another where the sentence or the reason is another", () => {
    const { log, lines } = openRepeats();
    log.warn({ err: full() }, "The lane cannot be read");
    log.warn({ err: replyError("READONLY You can't write") }, "The lane cannot be read");
    log.warn({ err: Object.assign(new Error("x"), { code: "ECONNREFUSED" }) }, "The lane cannot be read");
    log.warn({ err: full() }, "The outbox cannot be read");
    expect(lines()).toHaveLength(4);
  });

  test("names the first ten generations that it is about, each once", () => {
    const { log, lines } = openRepeats();
    for (let i = 0; i < 100; i++) log.warn({ err: full(), generationId: `gen_${i % 20}` }, "Not written");
    expect(lines().map(({ generationId }) => generationId)).toEqual(Array.from({ length: 10 }, (_, i) => `gen_${i}`));
    vi.advanceTimersByTime(60_000);
    expect(lines().slice(10)).toEqual([{ msg: "Not written (repeated)", repeats: 90, generationId: "gen_19" }]);
  });

  test("is always written where it is an error, or about no error", () => {
    const { log, lines } = openRepeats();
    for (let i = 0; i < 3; i++) log.error({ err: full() }, "An image is lost");
    for (let i = 0; i < 3; i++) log.warn({ code: "upstream_error", err: undefined }, "A generation failed");
    expect(lines()).toHaveLength(6);
  });
});

test("no line holds what a terminal obeys, and a line for machines keeps the values", () => {
  const words = "a\u001b]52;c;eA==\u0007\u009b2J\u202eb\nDarkroom is ready\u2028";
  const machine = openLog();
  machine.log.warn({ words, err: new Error(words) }, `It says ${words}`);
  expect(machine.text().trimEnd()).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
  expect(machine.lines()).toMatchObject([{ words, msg: `It says ${words}`, err: { message: words } }]);

  const person = openLog({ pretty: true });
  person.log.warn({ words, err: new Error(words) }, `It says ${words}`);
  const shown = "a\ufffd]52;c;eA==\ufffd\ufffd2J\ufffdb Darkroom is ready ";
  const [line] = person.lines();
  expect(line).toMatchObject({ words: shown, msg: `It says ${shown}`, err: { message: shown } });
  expect(line.err.stack).toMatch(/^ {4}at .*\n {4}at /);
});

test("every line has the fields of what runs, and its own come first", () => {
  let running: object = { trace_id: "t1", generationId: "gen_1" };
  const { log, lines } = openLog({ fields: () => running });
  log.info({ generationId: "gen_2" }, "With fields");
  log.info("Without");
  log.warn({ err: new Error("away") }, "With an error");
  running = {};
  log.info("Outside");
  expect(lines().map(({ msg, trace_id, generationId, err }) => [msg, trace_id, generationId, err?.message])).toEqual([
    ["With fields", "t1", "gen_2", undefined],
    ["Without", "t1", "gen_1", undefined],
    ["With an error", "t1", "gen_1", "away"],
    ["Outside", undefined, undefined, undefined],
  ]);
});

test("what is told of repeats has the fields of the last of them, and not of the moment of telling", () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let trace = "first";
  const { log, lines } = openLog({ fields: () => ({ trace_id: trace }) });
  const warn = () => log.warn({ err: new Error("away") }, "It failed");
  warn();
  trace = "second";
  warn();
  trace = "other work";
  vi.advanceTimersByTime(60_000);
  expect(lines().map(({ msg, trace_id }) => [msg, trace_id])).toEqual([
    ["It failed", "first"],
    ["It failed (repeated)", "second"],
  ]);
});
