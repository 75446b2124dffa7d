/** A value that is undefined is left out. */
type Attributes = Record<string, string | number | boolean | undefined>;

/**
 * A place in a trace, as a record keeps it and a header carries it: the `traceparent` of W3C Trace Context, and behind a space its
 * `tracestate` where there is any.
 */
export type TraceContext = string;

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

export type SpanOptions = {
  /** Of few values: what differs from span to span is an attribute. */
  name: string;
  kind?: SpanKind;
  /** The span that it is a part of. Absent: the active one, or none. Null: none. A text that is no context counts as null. */
  parent?: TraceContext | null | undefined;
  /** The headers of a caller, whose span is the parent as far as `TRACE_CALLERS` lets callers say so. */
  caller?: { traceparent?: string | undefined; tracestate?: string | undefined } | undefined;
  /** Spans of other traces that it has to do with. */
  links?: readonly (TraceContext | null | undefined)[];
  attributes?: Attributes;
  /** Fields of the log lines that are written within it, such as `generationId`. */
  logFields?: Record<string, string>;
};

export type Span = {
  /** Its place, for a record or a header. Undefined where nothing is traced. */
  readonly context: TraceContext | undefined;
  /** What a log line needs to be found with it: `trace_id` and `span_id`, the names that OpenTelemetry gives them. */
  readonly logFields: Readonly<Record<string, string>>;
  set(attributes: Attributes): void;
  link(to: TraceContext | null | undefined): void;
  /** Marks it as failed. `type` is of few values, such as an error code. The first call counts. No message is noted: it may quote a prompt. */
  fail(type: string): void;
  end(): void;
  /** Runs `work` with this span as the active one. Does not end it. */
  run<T>(work: () => T): T;
};

/** Makes spans. What is measured and how it is exported is the business of `createTracing`. */
export type Tracer = {
  /** Whether anything is traced. Where not, decorators return what they were given. */
  readonly isOn: boolean;
  /** Begins a span. The caller ends it. */
  start(options: SpanOptions): Span;
  /** Runs `work` within a new span, and ends it. Where `work` throws, the span has failed, with the code or the name of the error. */
  within<T>(options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>;
  /** The span that runs now; one that notes nothing where there is none. */
  active(): Span;
  /** Whether there is such a span. */
  hasActive(): boolean;
};

/** Takes everything and notes nothing. */
const nothing: Span = {
  context: undefined,
  logFields: {},
  set: () => {},
  link: () => {},
  fail: () => {},
  end: () => {},
  run: (work) => work(),
};

/** For a process that traces nothing, and for tests. */
export const noTracer: Tracer = {
  isOn: false,
  start: () => nothing,
  within: (_options, work) => work(nothing),
  active: () => nothing,
  hasActive: () => false,
};

/** The headers that carry a place in a trace to another service; none where there is no place. */
export function contextHeaders(context: TraceContext | undefined): Record<string, string> {
  if (context === undefined) return {};
  const [traceparent, tracestate] = splitContext(context);
  return { traceparent, ...(tracestate !== undefined && { tracestate }) };
}

/** The `traceparent` and the `tracestate` of a context. */
export function splitContext(context: TraceContext): [traceparent: string, tracestate: string | undefined] {
  const at = context.indexOf(" ");
  return at === -1 ? [context, undefined] : [context.slice(0, at), context.slice(at + 1)];
}
