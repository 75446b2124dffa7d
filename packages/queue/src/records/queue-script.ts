import { type AccountScripts, accountScripts } from "@darkroom/accounts";
import { defineScript, type Script } from "@darkroom/redis";

type QueueScriptOptions = {
  /** What it needs of `@darkroom/accounts`. */
  account?: AccountScripts;
  /** What it needs of `records/scripts`, to stand before it. */
  fragments?: readonly string[];
  /** What it needs of its own folder, to stand behind those. */
  parts?: readonly string[];
  folder?: "records" | "lanes" | "batches" | "upkeep";
};

/**
 * A script of this package: `{folder}/scripts/{name}.lua`, behind what it needs of `@darkroom/accounts`, since what a generation costs is
 * settled by the very script that moves it, and behind the fragments that it names.
 */
export const queueScript = <Answer>(
  name: string,
  { account, fragments = [], parts = [], folder = "records" }: QueueScriptOptions = {},
): Script<Answer> =>
  defineScript([
    ...(account === undefined ? [] : accountScripts[account]),
    ...fragments.map((file) => new URL(`scripts/${file}.lua`, import.meta.url)),
    ...[...parts, name].map((file) => new URL(`../${folder}/scripts/${file}.lua`, import.meta.url)),
  ]);

/** A script that may end a generation, with further fragments that it needs. */
export const endingScript = <Answer>(name: string, fragments: readonly string[] = []): Script<Answer> =>
  queueScript(name, {
    account: "settlement",
    fragments: ["rank", "generation", "callers", "recount", "ending", ...fragments],
  });
