#!/usr/bin/env node
import { resolve } from "node:path";
import { batchCommand } from "./commands/batch.ts";
import { drawCommand } from "./commands/draw.ts";
import { generationsCommand } from "./commands/generations.ts";
import { keysCommand } from "./commands/keys.ts";
import { lanesCommand } from "./commands/lanes.ts";
import { ledgerCommand } from "./commands/ledger.ts";
import { planCommand } from "./commands/plan.ts";
import { drainCommand, processesCommand } from "./commands/processes.ts";
import { providersCommand } from "./commands/providers.ts";
import { quarantineCommand } from "./commands/quarantine.ts";
import { startCommand } from "./commands/start.ts";
import { tenantsCommand } from "./commands/tenants.ts";
import { usageCommand } from "./commands/usage.ts";
import { webhooksCommand } from "./commands/webhooks.ts";
import { runCommands } from "./run-commands.ts";
import { processShell } from "./shell.ts";

const apps = resolve(import.meta.dirname, "../..");

await runCommands([
  startCommand({ api: resolve(apps, "api/src/main.ts"), worker: resolve(apps, "worker/src/main.ts") }),
  drawCommand(processShell),
  batchCommand(processShell),
  keysCommand(processShell),
  usageCommand(processShell),
  ledgerCommand(processShell),
  tenantsCommand(processShell),
  lanesCommand(processShell),
  generationsCommand(processShell),
  processesCommand(processShell),
  drainCommand(processShell),
  providersCommand(processShell),
  webhooksCommand(processShell),
  quarantineCommand(processShell),
  planCommand(processShell),
]);
