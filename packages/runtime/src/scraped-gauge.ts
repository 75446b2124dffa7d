import { Gauge, type Registry } from "prom-client";

/** One value of a gauge, and what it is the value of. */
export type Sample = { labels?: Record<string, string>; value: number };

type ReadSamples = () => readonly Sample[] | Promise<readonly Sample[]>;

const nothing: ReadSamples = () => [];

export type ScrapedGaugeOptions = {
  name: string;
  help: string;
  labelNames?: readonly string[];
  registry: Registry;
};

/**
 * A gauge that reads its values when it is scraped. It has no series before `readFrom` was called, and none while the source rejects: what
 * cannot be read is no reason for `/metrics` to fail, and an old value would hide that it cannot.
 */
export function createScrapedGauge({ name, help, labelNames = [], registry }: ScrapedGaugeOptions) {
  let source: ReadSamples = nothing;
  const gauge = new Gauge({
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
    async collect() {
      const samples = await Promise.resolve().then(source).catch(nothing);
      gauge.reset();
      // A gauge without labels is 0 after that. It is to have no series.
      if (labelNames.length === 0) gauge.remove();
      for (const { labels = {}, value } of samples) gauge.set(labels, value);
    },
  });
  return {
    /** Has the gauge ask `read` at each scrape. */
    readFrom(read: ReadSamples): void {
      source = read;
    },
  };
}
