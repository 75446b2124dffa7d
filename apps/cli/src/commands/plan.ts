import { Command, Option } from "@commander-js/extra-typings";
import { defaultLoad, type Load } from "@darkroom/capacity";
import type { Shell } from "../shell.ts";
import { describePlan } from "../text/describe-plan.ts";
import { parseAmount, parseBytes, parseRate, parseSeconds, parseShare } from "../text/quantities.ts";
import { asJson } from "../text/table.ts";

/** The largest numbers are those of the settings and of OpenAI's API. */
const aFactor = parseAmount({ least: 1, most: 100 });
const anImageCount = parseAmount({ least: 1, most: 10 });
const aConcurrency = parseAmount({ least: 1, most: 10_000, whole: true });

/** `darkroom plan`: arithmetic alone. It asks no service. */
export function planCommand(shell: Pick<Shell, "print">) {
  const { print } = shell;
  return new Command("plan")
    .description("compute how many workers, apis and Redis servers a load needs")
    .requiredOption("--rate <rate>", "images in a time: 50/s, 3000/min, 4000000/day", parseRate)
    .requiredOption("--seconds <time>", "how long a provider call and its upload take, in the mean", parseSeconds)
    .addOption(
      new Option("--rate-of <what>", "what the rate counts")
        .choices(["images", "generations"] as const)
        .default("images" as const),
    )
    .option("--peak <factor>", "the busiest minutes as a multiple of the rate", aFactor, defaultLoad.peakFactor)
    .option("--images <count>", "images of a generation", anImageCount, defaultLoad.imagesPerGeneration)
    .addOption(withShownDefault("--image-size <bytes>", "of a stored image", defaultLoad.imageBytes, "2MB", parseBytes))
    .addOption(
      withShownDefault("--retention <time>", "RETENTION_SECONDS", defaultLoad.retentionSeconds, "24h", parseSeconds),
    )
    .addOption(
      withShownDefault("--tombstones <time>", "TOMBSTONE_SECONDS", defaultLoad.tombstoneSeconds, "7day", parseSeconds),
    )
    .option("--concurrency <count>", "WORKER_CONCURRENCY", aConcurrency, defaultLoad.concurrency)
    .addOption(
      withShownDefault(
        "--sync <share>",
        "generations whose caller waits",
        defaultLoad.waitingShare,
        "100%",
        parseShare,
      ),
    )
    .addOption(
      withShownDefault(
        "--base64 <share>",
        "images that are sent as base64",
        defaultLoad.base64Share,
        "100%",
        parseShare,
      ),
    )
    .addOption(
      withShownDefault(
        "--idempotency-keys <share>",
        "generations that have one",
        defaultLoad.idempotencyKeyShare,
        "0%",
        parseShare,
      ),
    )
    .option("--webhooks", "every ending is told by a webhook", defaultLoad.hasWebhooks)
    .option("--upstream-limit <rate>", "images that the provider's account allows, as --rate", parseRate)
    .addOption(
      withShownDefault(
        "--redis <bytes>",
        "memory of Redis' machine",
        defaultLoad.redisMachineBytes,
        "32GB",
        parseBytes,
      ),
    )
    .option("--json", "print the plan as JSON")
    .action((options) => {
      const load: Load = {
        imagesPerSecond: options.rate * (options.rateOf === "generations" ? options.images : 1),
        serviceSeconds: options.seconds,
        peakFactor: options.peak,
        imagesPerGeneration: options.images,
        imageBytes: options.imageSize,
        retentionSeconds: options.retention,
        tombstoneSeconds: options.tombstones,
        concurrency: options.concurrency,
        waitingShare: options.sync,
        base64Share: options.base64,
        idempotencyKeyShare: options.idempotencyKeys,
        hasWebhooks: options.webhooks,
        upstreamImagesPerSecond: options.upstreamLimit ?? null,
        redisMachineBytes: options.redis,
      };
      const described = describePlan(load);
      print(options.json ? asJson(described.json) : described.text);
    });
}

/** An option whose default is shown as a person would write it. */
const withShownDefault = <const Flags extends string>(
  flags: Flags,
  description: string,
  value: number,
  shown: string,
  parse: (text: string) => number,
) => new Option(flags, description).default(value, shown).argParser(parse);
