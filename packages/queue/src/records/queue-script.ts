import { accountScripts } from "@darkroom/accounts";
import { defineScript, type Script } from "@darkroom/redis";

/**
 * A script of this package: `scripts/{name}.lua`, with the named fragments before it. `account` are the fragments of
 * `@darkroom/accounts`: what a generation costs is settled by the very script that moves it.
 */
export const queueScript = <Answer>(name: string, fragments: readonly string[] = []): Script<Answer> =>
  defineScript(
    [...fragments, name].flatMap((file) =>
      file === "account" ? accountScripts : [new URL(`scripts/${file}.lua`, import.meta.url)],
    ),
  );

/** The fragments of the scripts that move a generation from state to state. */
export const moving = ["account", "rank", "generation"] as const;
