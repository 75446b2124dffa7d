import { text } from "node:stream/consumers";
import { printable } from "@darkroom/contracts";
import { z } from "zod";
import { Problem } from "../problem.ts";
import { atMost } from "./at-most.ts";
import { explainAnswer, explainNoAnswer } from "./explain-failure.ts";
import type { Service } from "./find-service.ts";

/** Every answer here comes from Redis; one that takes longer than this does not come. */
const usualTimeoutMs = 30_000;
/** A page of a list, with the longest prompts and metadata, has 14 MB; the faults of a batch have as many. */
const usualMaxBytes = 64 * 1024 * 1024;
/** The most that OpenAI's lists give at a time. */
const pageSize = 100;
/** A redirect that is followed would turn a POST into a GET, and carry the key to who knows whom. */
const redirect = "manual";

type ApiRequest<T> = {
  /** GET when left out. */
  method?: "GET" | "POST" | "PATCH" | "DELETE";
  /** From `/v1` or `/admin` on. Ids in it are encoded by `pathOf`. */
  path: string;
  /** What is undefined is left out. */
  query?: Record<string, string | undefined>;
  /** Sent as JSON, or where it is a form as multipart: files in it are read from the disk while they are sent. */
  body?: object;
  /** Whose key opens it. */
  as: "tenant" | "admin";
  /** The same request again, under the same name, is answered with what the first made. */
  idempotencyKey?: string;
  /** How to wait (RFC 7240): `respond-async`, `wait=20`. */
  prefer?: string;
  answer: z.ZodType<T>;
  timeoutMs?: number;
  /** The longest answer that is read, in bytes: 64 MiB unless images are in it. */
  maxBytes?: number;
};

type ContentRequest = Pick<ApiRequest<unknown>, "path" | "as">;

/** An answer as our code knows it, its texts printable, and as it came. */
type Answer<T> = { value: T; json: unknown };

export type HttpApi = {
  /**
   * One call.
   * @throws {Problem} that tells the API's refusal, or why there was no answer; a {PassingProblem} where the same call may succeed later
   */
  send: <T>(request: ApiRequest<T>) => Promise<Answer<T>>;
  /**
   * A whole list, page after page, as one list object.
   * @throws {Problem} as `send` does
   */
  list: <T>(request: ListRequest<T>) => Promise<Answer<T[]>>;
  /**
   * A content of any length, as it comes. Reading it throws what `fetch` throws when the connection breaks.
   * @throws {Problem} as `send` does
   */
  open: (request: ContentRequest) => Promise<AsyncIterable<Uint8Array>>;
};

type ListRequest<T> = Omit<ApiRequest<T>, "answer" | "method" | "body"> & { item: z.ZodType<T> };

export type HttpApiOptions = { service: Service; fetch: typeof globalThis.fetch };

type Page<T> = { data: T[]; first_id: string | null; last_id: string | null; has_more: boolean };

const pageOf = <T>(item: z.ZodType<T>): z.ZodType<Page<T>> =>
  z.object({
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
const anyPage = pageOf(z.unknown());

/** The HTTP API of a running service. The only place that speaks to it. */
export function createHttpApi({ service, fetch }: HttpApiOptions): HttpApi {
  const { root } = service;

  async function send<T>(request: ApiRequest<T>): Promise<Answer<T>> {
    const {
      method = "GET",
      path,
      query = {},
      body,
      idempotencyKey,
      prefer,
      answer,
      timeoutMs = usualTimeoutMs,
      maxBytes = usualMaxBytes,
    } = request;
    const url = new URL(root + path);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    const headers = new Headers({ authorization: `Bearer ${keyFor(request.as, service)}`, accept: "application/json" });
    if (idempotencyKey !== undefined) headers.set("idempotency-key", idempotencyKey);
    if (prefer !== undefined) headers.set("prefer", prefer);
    // The type of a form has a boundary in it that `fetch` chooses.
    const content = body instanceof FormData || body === undefined ? body : JSON.stringify(body);
    if (typeof content === "string") headers.set("content-type", "application/json");

    let response: Response;
    let answered: string;
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      response = await fetch(url, {
        method,
        headers,
        redirect,
        signal,
        ...(content !== undefined && { body: content }),
      });
      answered = await readText(response, maxBytes);
    } catch (error) {
      if (error instanceof Problem) throw error;
      throw explainNoAnswer(error, { root, method, timeoutMs });
    }
    const shown = parseJson(answered, onePrintable);
    if (!response.ok) throw explainAnswer(response, shown, root);
    const result = answer.safeParse(shown);
    if (result.success) return { value: result.data, json: parseJson(answered) };
    const [issue] = result.error.issues;
    throw new Problem(
      `${root} gave an answer that this darkroom does not understand (${path}: ${issue?.path.join(".")} ${issue?.message}). Are both of the same version?`,
    );
  }

  async function open({ path, as }: ContentRequest): Promise<AsyncIterable<Uint8Array>> {
    const headers = { authorization: `Bearer ${keyFor(as, service)}` };
    const beginning = new AbortController();
    const timer = setTimeout(() => beginning.abort(new DOMException("", "TimeoutError")), usualTimeoutMs);
    const response = await fetch(root + path, { headers, redirect, signal: beginning.signal })
      .catch((error: unknown) => {
        throw explainNoAnswer(error, { root, method: "GET", timeoutMs: usualTimeoutMs });
      })
      // What follows may take as long as it is long. Where nothing comes for five minutes, `fetch` gives up on its own.
      .finally(() => clearTimeout(timer));
    if (response.ok) return response.body ?? new Blob([]).stream();
    throw explainAnswer(response, parseJson(await readText(response, usualMaxBytes), onePrintable), root);
  }

  async function list<T>({ item, query, ...request }: ListRequest<T>): Promise<Answer<T[]>> {
    const values: T[] = [];
    const rows: unknown[] = [];
    let firstId: string | null = null;
    let after: string | null = null;
    for (;;) {
      const page: Answer<Page<T>> = await send<Page<T>>({
        ...request,
        query: { ...query, limit: String(pageSize), after: after ?? undefined },
        answer: pageOf(item),
      });
      const { data, first_id, last_id, has_more } = page.value;
      values.push(...data);
      rows.push(...anyPage.parse(page.json).data);
      firstId ??= first_id;
      if (has_more && (last_id === null || last_id === after)) {
        throw new Problem(`${root} says that ${request.path} has more pages, but not where the next one begins.`);
      }
      after = last_id ?? after;
      if (!has_more) break;
    }
    const json = { object: "list", data: rows, first_id: firstId, last_id: after, has_more: false };
    return { value: values, json };
  }

  /** @throws {Problem} for one that is longer, and what `fetch` throws when the connection breaks */
  async function readText(response: Response, maxBytes: number): Promise<string> {
    const excess = () =>
      new Problem(`${root} sent an answer of more than ${maxBytes / 1024 / 1024} MiB. Is the address right?`);
    return text(atMost(maxBytes, excess)(response.body ?? new Blob([]).stream()));
  }

  return { send, list, open };
}

/** A path with ids in it that people typed: `` pathOf`/admin/keys/${id}` ``. */
export function pathOf(parts: TemplateStringsArray, ...ids: readonly string[]): string {
  return String.raw({ raw: parts }, ...ids.map(encodeURIComponent));
}

function keyFor(as: "tenant" | "admin", { root, apiKey, adminKey }: Service): string {
  const key = as === "admin" ? adminKey : apiKey;
  if (key !== undefined) return key;
  const variable = as === "admin" ? "DARKROOM_ADMIN_KEY" : "DARKROOM_API_KEY";
  const what = as === "admin" ? "the admin key" : "an API key";
  throw new Problem(`${root} requires ${what}: set ${variable} in the environment.`);
}

/** Texts of an answer end on the terminal, and what they say is a caller's, an upstream's, or that of whatever server answers. */
const onePrintable = (_name: string, value: unknown): unknown => (typeof value === "string" ? printable(value) : value);

function parseJson(json: string, revive?: (name: string, value: unknown) => unknown): unknown {
  try {
    return JSON.parse(json, revive);
  } catch {
    return undefined;
  }
}
