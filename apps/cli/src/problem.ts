/** Something that the person at the keyboard can put right. Its message is a sentence for them; they see no stack trace. */
export class Problem extends Error {
  override name = "Problem";
}

/** A problem that may be over when the same is asked later: a service that is away or restarts, a limit for the moment. */
export class PassingProblem extends Problem {
  override name = "PassingProblem";
}
