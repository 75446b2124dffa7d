import { defineScript, type Script } from "@darkroom/redis";

/** A script of the ledger: `scripts/{name}.lua`. */
export const ledgerScript = <Answer>(name: string): Script<Answer> =>
  defineScript(new URL(`scripts/${name}.lua`, import.meta.url));
