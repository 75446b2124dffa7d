import { z } from "zod";
import { pathOf } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { answerFacts } from "../../text/answer-facts.ts";
import { asJson } from "../../text/as-json.ts";
import { parseDay } from "../../text/moments.ts";
import { apiCommand } from "../api-command.ts";
import { dayTimeoutMs } from "./day-timeout.ts";

/** `darkroom ledger export DAY`. */
export function exportLedgerCommand(shell: Shell) {
  return apiCommand("export")
    .description("write the ledger of a day to the object store; doing it again changes nothing")
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
