import { endingScript } from "./queue-script.ts";

/** Ends a generation whose time to start has passed: found by a worker at its turn, or by the janitor before. */
export const expire = endingScript<"expired" | "kept">("expire");

/** Ends a generation that no worker has in hand: for its batch, or because its key is stopped. */
export const withdraw = endingScript<"ok" | "kept">("withdraw");
