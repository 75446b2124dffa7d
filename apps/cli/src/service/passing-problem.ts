import { Problem } from "../problem.ts";

/** A problem that may be over when the same is asked later: a service that is away or restarts, a limit for the moment. */
export class PassingProblem extends Problem {
  override name = "PassingProblem";
}
