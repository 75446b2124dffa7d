import { facts } from "./facts.ts";

/** The plain fields of an answer, a line each, under the names that the API gives them. */
export function answerFacts(answer: Record<string, unknown>): string {
  const plain = Object.entries(answer).filter(([name, value]) => name !== "object" && typeof value !== "object");
  return facts(plain.map(([name, value]) => [name.replaceAll("_", " "), String(value)]));
}
