import { Command } from "@commander-js/extra-typings";
import type { Shell } from "../shell.ts";
import { createKeyCommand } from "./keys/create.ts";
import { deleteKeyCommand } from "./keys/delete.ts";
import { disableKeyCommand } from "./keys/disable.ts";
import { enableKeyCommand } from "./keys/enable.ts";
import { listKeysCommand } from "./keys/list.ts";
import { rotateKeyCommand } from "./keys/rotate.ts";
import { showKeyCommand } from "./keys/show.ts";
import { updateKeyCommand } from "./keys/update.ts";
import { webhookSecretCommand } from "./keys/webhook-secret.ts";

/** `darkroom keys …`: who may call, and how much. */
export function keysCommand(shell: Shell) {
  return new Command("keys")
    .description("make, limit, rotate and stop API keys")
    .addCommand(createKeyCommand(shell))
    .addCommand(listKeysCommand(shell))
    .addCommand(showKeyCommand(shell))
    .addCommand(updateKeyCommand(shell))
    .addCommand(rotateKeyCommand(shell))
    .addCommand(disableKeyCommand(shell))
    .addCommand(enableKeyCommand(shell))
    .addCommand(deleteKeyCommand(shell))
    .addCommand(webhookSecretCommand(shell));
}
