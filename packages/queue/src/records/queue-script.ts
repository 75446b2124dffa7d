import { defineScript, type Script } from "@darkroom/redis";

/** A script of this package: `scripts/{name}.lua`, with the named fragments before it. */
export const queueScript = <Answer>(name: string, fragments: readonly string[] = []): Script<Answer> =>
  defineScript([...fragments, name].map((file) => new URL(`scripts/${file}.lua`, import.meta.url)));
