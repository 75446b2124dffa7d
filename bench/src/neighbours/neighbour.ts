import type { Target } from "../load/load-plan.ts";
import type { System } from "../systems/system.ts";

/** A running service with two tenants: one is measured, the other is its neighbour. */
export type NeighbourStack = {
  system: System;
  /** The tenant that is measured, called B. */
  measured: Target;
  /** The tenant that a neighbour calls as, called A. It has a key of its own without limits. */
  neighbour: Target;
  /** The URL of a receiver of webhooks that answers 200 at once. */
  webhookUrl: string;
  /** Small counts, where only the benchmark itself is tried. */
  quick: boolean;
  /** Says what is going on, on standard error. */
  tell: (text: string) => void;
};

/** Something that one tenant, or a client without a key, does at the expense of all others. */
export type Neighbour = {
  /** What `--only` names it by: lowercase words with hyphens. */
  name: string;
  /** What it does and at which size, for the report. */
  title: string;
  /** Makes what the neighbour needs, before anything is measured. Left out: it needs nothing. */
  prepare?(stack: NeighbourStack): Promise<void>;
  /** Begins. Resolves with the function that ends it, when it has its full effect. */
  start(stack: NeighbourStack): Promise<() => Promise<void>>;
};
