import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from "yaml";

export type Path = readonly PropertyKey[];

/** A YAML text that remembers where everything stands, so that a mistake can be reported with its line. */
export type YamlFile = {
  name: string;
  /** Plain data; an empty file is an empty object. */
  value: unknown;
  /** What is wrong with the text as YAML, each as `file:line:column: reason`. */
  mistakes: string[];
  /** Whether the path stands in this file, to its end. */
  has(path: Path): boolean;
  /** Where the path's value or key stands, counted from 1, or the nearest thing around it that the file does have. */
  locate(path: Path, part: "key" | "value"): { line: number; column: number };
};

/** Reads YAML, and so JSON, which is a part of it. What is wrong with the text is in `mistakes`, not thrown. */
export function readYaml(name: string, text: string): YamlFile {
  const lineCounter = new LineCounter();
  // `<<` takes over another map, as YAML 1.1 has it: models of one family say what they share once.
  const document = parseDocument(text, { lineCounter, prettyErrors: false, merge: true });
  const place = (offset: number) => {
    const { line, col } = lineCounter.linePos(offset);
    // An empty text has no line for its offset 0.
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const mistakes = document.errors.map(({ pos, message }) => {
    const { line, column } = place(pos[0]);
    return `${name}:${line}:${column}: ${message}`;
  });

  let value: unknown = {};
  try {
    if (mistakes.length === 0) value = document.toJS() ?? {};
  } catch (error) {
    // The library's words for an alias that cannot be followed. They may repeat its name, which may be a secret that began with an asterisk.
    if (!(error instanceof ReferenceError)) throw error;
    mistakes.push(`${name}:1:1: an alias (*name) has no anchor (&name) before it, or the aliases stand for too much`);
  }

  return {
    name,
    value,
    mistakes,
    has: (path) => stepsAlong(document, path).length === path.length,
    locate(path, part) {
      const steps = stepsAlong(document, path);
      const last = steps.at(-1);
      const complete = steps.length === path.length;
      return place((complete && part === "value" ? last?.valueAt : last?.keyAt) ?? last?.keyAt ?? 0);
    },
  };
}

/** Offsets into the text. An entry of a list has no key, so its value stands for it. */
type Step = { keyAt: number | undefined; valueAt: number | undefined };

const offsetOf = (node: unknown) => (isNode(node) ? node.range?.[0] : undefined);

/** One step for each part of the path, as far as the document goes along with it. */
function stepsAlong(document: Document, path: Path): Step[] {
  const steps: Step[] = [];
  let node: unknown = document.contents;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
      if (pair === undefined) break;
      steps.push({ keyAt: offsetOf(pair.key), valueAt: offsetOf(pair.value) });
      node = pair.value;
    } else if (isSeq(node) && typeof part === "number" && part < node.items.length) {
      node = node.items[part];
      steps.push({ keyAt: offsetOf(node), valueAt: offsetOf(node) });
    } else break;
  }
  return steps;
}
