import { Command } from "@commander-js/extra-typings";
import { z } from "zod";
import type { Shell } from "../shell.ts";
import { pathOf } from "../service/http-api.ts";
import { asJson, facts } from "../text/table.ts";
import { parseDay } from "../text/moments.ts";
import { apiCommand } from "./api-command.ts";

/** `darkroom ledger …`: what was billed, kept for good. */
export function ledgerCommand(shell: Shell) {
  return new Command("ledger")
    .description("export the ledger to the object store, and recount usage from it")
    .addCommand(exportLedgerCommand(shell))
    .addCommand(rebuildLedgerCommand(shell));
}

/** `darkroom ledger rebuild DAY`. */
function rebuildLedgerCommand(shell: Shell) {
  return apiCommand("rebuild")
    .description("recount the usage of a day from the exported ledger")
    .argument("<day>", "a day of UTC: 2026-12-31", parseDay)
    .action(async (day, { json, url }) => {
      const rebuilt = await shell.connect({ url }).send({
        method: "POST",
        path: pathOf`/admin/ledger/${day}/rebuild`,
        as: "admin",
        answer: z.record(z.string(), z.unknown()),
        timeoutMs: dayTimeoutMs,
      });
      shell.print(json ? asJson(rebuilt.json) : answerFacts(rebuilt.value));
    });
}

/** `darkroom ledger export DAY`. */
function exportLedgerCommand(shell: Shell) {
  return apiCommand("export")
    .description("write the ledger of a day to the object store; repeating it changes nothing")
    .argument("<day>", "a day of UTC: 2026-12-31", parseDay)
    .action(async (day, { json, url }) => {
      const exported = await shell.connect({ url }).send({
        method: "POST",
        path: pathOf`/admin/ledger/${day}/export`,
        as: "admin",
        answer: z.record(z.string(), z.unknown()),
        timeoutMs: dayTimeoutMs,
      });
      shell.print(json ? asJson(exported.json) : answerFacts(exported.value));
    });
}

/** A day may have a million entries, read from one store and written to another. Node's own `fetch` gives up at five minutes. */
const dayTimeoutMs = 280_000;

/** The plain fields of an answer, a line each, under the names that the API gives them. */
function answerFacts(answer: Record<string, unknown>): string {
  const plain = Object.entries(answer).filter(([name, value]) => name !== "object" && typeof value !== "object");
  return facts(plain.map(([name, value]) => [name.replaceAll("_", " "), String(value)]));
}
