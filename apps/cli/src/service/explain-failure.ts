import { errorBodySchema } from "@darkroom/contracts";
import { Problem, PassingProblem } from "../problem.ts";

/** What the API refused, and would refuse again. Its message is the API's own. */
export class RefusedRequest extends Problem {
  override name = "RefusedRequest";
  readonly code: string | null;
  readonly headers: Headers;
  constructor(message: string, { code, headers }: { code: string | null; headers: Headers }) {
    super(message);
    this.code = code;
    this.headers = headers;
  }
}

/** The API's own words, and the parameter that they are about. Where it was not Darkroom that answered, what did. */
export function explainAnswer(response: Response, body: unknown, root: string): Problem {
  const passes = response.status === 429 || response.status >= 500;
  const parsed = errorBodySchema.safeParse(body);
  if (parsed.success) {
    const { message, param, code } = parsed.data.error;
    const told = param === null ? message : `${message} (${param})`;
    return passes ? new PassingProblem(told) : new RefusedRequest(told, { code, headers: response.headers });
  }
  const location = response.headers.get("location");
  if (response.status >= 300 && response.status < 400 && location !== null) {
    return new Problem(`${root} redirects to ${location}. Use that address.`);
  }
  const Kind = passes ? PassingProblem : Problem;
  return new Kind(`${root} answered ${response.status}, and not as Darkroom does. Is the address right?`);
}

/** Why a request got no answer. */
export function explainNoAnswer(
  error: unknown,
  { root, method, timeoutMs }: { root: string; method: string; timeoutMs: number },
): PassingProblem {
  const doubt = method === "GET" ? "" : " It may have done what was asked all the same: look before asking again.";
  if (error instanceof Error && error.name === "TimeoutError") {
    return new PassingProblem(`${root} did not answer within ${timeoutMs / 1000} s.${doubt}`, { cause: error });
  }
  const code = codeOf(error);
  if (code === "ECONNREFUSED" || code === "ENOTFOUND") {
    return new PassingProblem(`Nothing answers at ${root} (${code}). Is Darkroom running there?`, { cause: error });
  }
  return new PassingProblem(`The connection to ${root} failed (${code}).${doubt}`, { cause: error });
}

/** What `fetch` says is "fetch failed"; the reason is its cause. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error && "code" in cause) return String(cause.code);
  return cause instanceof Error ? cause.message : "for an unknown reason";
}
