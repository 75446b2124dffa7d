import { formatDollars } from "../../packages/contracts/src/index.ts";
import {
  acceptsSize,
  type CatalogueModel,
  type ParameterName,
  parameterNames,
  priceOfOneImage,
  type ValueRule,
} from "../../packages/models/src/index.ts";
import { markdownTable } from "./markdown-table.ts";

/** The tables of the built-in models: what each is, what it takes, and what an image costs. */
export function modelTables(models: readonly CatalogueModel[]): string {
  return [
    "### Which there are",
    markdownTable([["model", "other names", "released", "switched off", "successor"], ...models.map(existence)]),
    "### What each takes",
    "Beside these, every model takes `prompt`, `model`, `user`, `safety_identifier`, `response_format`, `stream` and `job`. What is not here is refused. The value that counts when nothing is sent is in bold.",
    parameterTable(models),
    "### What holds between fields",
    ruleTable(models),
    "### What an image costs",
    "Without its prompt. Where a model bills by token, it is the price of the most output tokens that such an image counts.",
    priceTable(models),
  ].join("\n\n");
}

const code = (value: unknown) => `\`${String(value)}\``;
const codes = (values: readonly unknown[]) => values.map(code).join(", ");

const existence = ({ id, aliases, snapshots, released = "", sunset = "", successor }: CatalogueModel) => [
  code(id),
  codes([...aliases, ...snapshots]),
  released,
  sunset,
  successor === undefined ? "" : code(successor.model),
];

/** One column for all models that take the same. */
function parameterTable(models: readonly CatalogueModel[]): string {
  const names = parameterNames.filter((name) => models.some(({ parameters }) => parameters[name] !== undefined));
  const columns = Map.groupBy(models, (model) => JSON.stringify(columnOf(model, names)));
  const heads = [...columns.values()].map((same) => same.map(({ id }) => code(id)).join("<br>"));
  const cells = [...columns.values()].flatMap(([first]) => (first === undefined ? [] : [columnOf(first, names)]));
  const heading = [code("n"), code("size"), "characters of prompt", ...names.map(code)];
  const rows = heading.map((name, row) => [name].concat(cells.map((column) => column[row] ?? "")));
  return markdownTable([["", ...heads], ...rows]);
}

const columnOf = (model: CatalogueModel, names: readonly ParameterName[]): string[] => [
  model.maxImages === 1 ? "1" : `1 to ${model.maxImages}`,
  sizesInWords(model.sizes),
  model.promptLimit === undefined ? "" : String(model.promptLimit),
  ...names.map((name) => acceptedInWords(model.parameters[name])),
];

function sizesInWords({ values, tiers, rule, default: usual }: CatalogueModel["sizes"]): string {
  const words = [...values, ...Object.keys(tiers)].map((size) => (size === usual ? `**${code(size)}**` : code(size)));
  if (rule === undefined) return words.join(", ");
  const bounds = [
    rule.divisibleBy !== undefined && `multiples of ${rule.divisibleBy}`,
    rule.minSide !== undefined && `sides from ${rule.minSide}`,
    rule.maxLongSide !== undefined && `sides to ${rule.maxLongSide}`,
    rule.maxRatio !== undefined && `1:${rule.maxRatio} to ${rule.maxRatio}:1`,
    rule.minPixels !== undefined && `${rule.minPixels} to ${rule.maxPixels} pixels`,
  ].filter((bound) => bound !== false);
  return [...words, `${code("WxH")}: ${bounds.join(", ")}`].join(", ");
}

function acceptedInWords(accepted: ValueRule | CatalogueModel["parameters"][ParameterName]): string {
  if (accepted === undefined) return "";
  if ("fields" in accepted) {
    return Object.entries(accepted.fields)
      .map(([field, inner]) => `${code(field)}: ${acceptedInWords(inner)}`)
      .join("<br>");
  }
  if ("maxLength" in accepted) return "any text";
  const { default: usual } = accepted;
  if ("min" in accepted) {
    return `${accepted.min} to ${accepted.max}${usual === undefined ? "" : `, **${String(usual)}**`}`;
  }
  const bold = (value: unknown) => (value === usual ? `**${code(value)}**` : code(value));
  if ("values" in accepted) return accepted.values.map(bold).join(", ");
  return [true, false].map(bold).join(", ");
}

/** One row for each rule, whatever the models that have it. */
function ruleTable(models: readonly CatalogueModel[]): string {
  const all = models.flatMap((model) => model.rules.map((rule) => ({ id: model.id, rule })));
  const same = Map.groupBy(all, ({ rule }) => JSON.stringify(rule));
  const rows = [...same.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { when, only = {}, without = [] } = first.rule;
    const condition = Object.entries(when).map(([name, values]) =>
      values === "given" ? code(name) : `${code(name)} ${codes(values)}`,
    );
    const needs = Object.entries(only).map(([name, values]) => `needs ${code(name)} ${codes(values)}`);
    const bars = without.length === 0 ? [] : [`goes without ${codes(without)}`];
    return [[condition.join(" and "), [...needs, ...bars].join("; "), codes(group.map(({ id }) => id))]];
  });
  return markdownTable([["with", "a request", "models"], ...rows]);
}

/** The sizes that the vendors' own tables show. */
const shownSizes = ["256x256", "512x512", "1024x1024", "1536x1024", "1792x1024", "2048x2048", "3840x2160"];

function priceTable(models: readonly CatalogueModel[]): string {
  const rows = models.flatMap((model) =>
    qualitiesOf(model).map((quality) =>
      [code(model.id), quality === "any" ? "" : code(quality)].concat(
        shownSizes.map((size) => (acceptsSize(model.sizes, size) ? priceInWords(model, quality, size) : "")),
      ),
    ),
  );
  return markdownTable([["model", "`quality`", ...shownSizes], ...rows]);
}

function qualitiesOf({ parameters: { quality } }: CatalogueModel): string[] {
  const named = quality?.values.filter((value) => value !== "auto") ?? [];
  return named.length === 0 ? ["any"] : named;
}

function priceInWords(model: CatalogueModel, quality: string, size: string): string {
  const cost = priceOfOneImage(model, quality, size);
  return cost === undefined ? "unknown" : formatDollars(cost.micros);
}
