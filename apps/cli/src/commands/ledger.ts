import { Command } from "@commander-js/extra-typings";
import type { Shell } from "../shell.ts";
import { exportLedgerCommand } from "./ledger/export.ts";
import { rebuildLedgerCommand } from "./ledger/rebuild.ts";

/** `darkroom ledger …`: what was billed, kept for good. */
export function ledgerCommand(shell: Shell) {
  return new Command("ledger")
    .description("keep what was billed in the object store, and count it again from there")
    .addCommand(exportLedgerCommand(shell))
    .addCommand(rebuildLedgerCommand(shell));
}
