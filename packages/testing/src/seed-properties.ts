import { configureGlobal } from "fast-check";

/**
 * The seed of every property test: the same in each run of `npm test`, so that a change is red because of the change. `pnpm fuzz` sets others,
 * and looks for what this one does not find. A failure prints its seed: `TEST_SEED=… pnpm tests FILE` runs it again.
 */
const fixedSeed = 20_261_129;

configureGlobal({ seed: Number(process.env["TEST_SEED"] ?? fixedSeed) });
