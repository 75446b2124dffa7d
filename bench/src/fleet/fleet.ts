import type { Scenario } from "../wait/scenario.ts";
import { atRest } from "./at-rest.ts";
import { batches } from "./batches.ts";
import { commands } from "./commands.ts";
import { ranks } from "./ranks.ts";
import { removal } from "./removal.ts";
import { webhooks } from "./webhooks.ts";

/**
 * What the background work of a fleet costs: a file of this folder for each kind of work. Most measure with `byWorkers`, so that a row has a
 * column for each number of workers.
 */
export const fleet: Scenario[] = [atRest, commands, removal, ranks, batches, webhooks];
