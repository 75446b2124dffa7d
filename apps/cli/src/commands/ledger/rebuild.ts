import { z } from "zod";
import { pathOf } from "../../service/http-api.ts";
import type { Shell } from "../../shell.ts";
import { answerFacts } from "../../text/answer-facts.ts";
import { asJson } from "../../text/as-json.ts";
import { parseDay } from "../../text/moments.ts";
import { apiCommand } from "../api-command.ts";
import { dayTimeoutMs } from "./day-timeout.ts";

/** `darkroom ledger rebuild DAY`. */
export function rebuildLedgerCommand(shell: Shell) {
  return apiCommand("rebuild")
    .description("count the usage of a day again, from what was exported")
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
