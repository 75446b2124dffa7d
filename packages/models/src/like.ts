import { mergePatch, isPlainObject, type PlainObject } from "./merge-patch.ts";
import type { Mistake } from "./mistake.ts";

/** What is a model's own: its names, how its upstream knows it, what it costs, its days. */
const own = new Set(
  "like aliases snapshots description upstream prices providerPrices released sunset successor".split(" "),
);

/** All of a model that another one can have, too. */
const commonOf = (entry: PlainObject): PlainObject =>
  Object.fromEntries(Object.entries(entry).filter(([key]) => !own.has(key)));

/**
 * A catalogue as plain data, in which each model that says `like: <another>` has got what that one has in common with it, and its own
 * entry laid over that.
 * @param patch the operator's file, in which a `null` still stands for what is to be removed
 */
export function withLikes(catalogue: unknown, patch: unknown): { catalogue: unknown; mistakes: Mistake[] } {
  const models = modelsOf(catalogue);
  if (models === undefined) return { catalogue, mistakes: [] };
  const { models: resolved, mistakes } = resolveLikes(models, modelsOf(patch) ?? {});
  return { catalogue: { ...Object(catalogue), models: resolved }, mistakes };
}

function modelsOf(catalogue: unknown): PlainObject | undefined {
  const models = isPlainObject(catalogue) ? catalogue["models"] : undefined;
  return isPlainObject(models) ? models : undefined;
}

function resolveLikes(models: PlainObject, patches: PlainObject): { models: PlainObject; mistakes: Mistake[] } {
  const entries = new Map(Object.entries(models));
  const patchOf = new Map(Object.entries(patches));
  const mistakes: Mistake[] = [];
  const likeOf = (id: string) => {
    const entry = entries.get(id);
    return isPlainObject(entry) ? entry["like"] : undefined;
  };
  const nextOf = (id: string) => {
    const like = likeOf(id);
    return typeof like === "string" ? idOf(like, entries) : undefined;
  };

  function reasonAgainst(id: string): string | undefined {
    const like = likeOf(id);
    if (like === undefined) return undefined;
    if (nextOf(id) === undefined) return `expected a model or an alias, got ${JSON.stringify(like)}`;
    const round = roundFrom(id, nextOf);
    return round && `the models go round: ${round.join(", ")}`;
  }

  function resolve(id: string, line: readonly string[]): unknown {
    const entry = entries.get(id);
    if (!isPlainObject(entry) || likeOf(id) === undefined) return entry;
    const next = nextOf(id);
    const isWrong = next === undefined || line.includes(next) || next === id;
    const base = isWrong ? {} : resolve(next, [...line, id]);
    const patch = patchOf.get(id);
    const { like: _like, ...changes } = isPlainObject(patch) ? patch : entry;
    return mergePatch(isPlainObject(base) ? commonOf(base) : {}, changes);
  }

  const resolved = [...entries.keys()].map((id): [string, unknown] => {
    const reason = reasonAgainst(id);
    if (reason !== undefined) mistakes.push({ path: ["models", id, "like"], reason });
    return [id, resolve(id, [])];
  });
  return { models: Object.fromEntries(resolved), mistakes };
}

function idOf(name: string, entries: ReadonlyMap<string, unknown>): string | undefined {
  if (entries.has(name)) return name;
  const found = [...entries].find(
    ([, entry]) => isPlainObject(entry) && [entry["aliases"], entry["snapshots"]].flat().includes(name),
  );
  return found?.[0];
}

/** The names that `next` leads to from a first one, up to the first that comes again: `[a, b, a]`. Undefined where it comes to an end. */
export function roundFrom(first: string, next: (name: string) => string | undefined): string[] | undefined {
  const line = [first];
  for (let name = next(first); name !== undefined; name = next(name)) {
    const isAgain = line.includes(name);
    line.push(name);
    if (isAgain) return line;
  }
  return undefined;
}
