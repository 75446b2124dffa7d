import { addDays, daysFrom, maxUsageDays, type UsageQuery, usageDimensions } from "@darkroom/accounts";
import { ApiError, labelSchema } from "@darkroom/contracts";
import { z } from "zod";

/** A day of UTC, as a parameter. */
export const daySchema = z.iso
  .date("must be a day of UTC like 2026-11-22")
  // Before Darkroom there was none, and far from it days are no longer ten characters.
  .refine((day) => day >= "2000-01-01", "must be a day of UTC from 2000-01-01 on");

const isDimension = (word: string) => usageDimensions.some((dimension) => dimension === word);

const groupBySchema = z
  .string()
  .refine(
    (text) => {
      const words = text.split(",");
      return words.every(isDimension) && new Set(words).size === words.length;
    },
    `must be some of ${usageDimensions.join(", ")}, each once, with commas between`,
  )
  .transform((text) => usageDimensions.filter((dimension) => text.split(",").includes(dimension)))
  .default([...usageDimensions]);

/** What may be asked of a usage: of which days, and told apart by what. */
export const usageQuerySchema = z.strictObject({
  from: daySchema.optional(),
  to: daySchema.optional(),
  group_by: groupBySchema,
});

/** The same of one tenant, and of one of its keys. */
export const tenantUsageQuerySchema = usageQuerySchema.extend({ key: z.string().min(1).optional() });

/** The same of all tenants. */
export const anyUsageQuerySchema = tenantUsageQuerySchema.extend({ tenant: labelSchema.optional() });

type AskedDays = Pick<z.output<typeof usageQuerySchema>, "from" | "to">;

/** The days that were asked for: until today and thirty of them, unless said otherwise. Throws `ApiError` where that is no span. */
export function usageDays({ from, to }: AskedDays, today: string): Pick<UsageQuery, "from" | "to"> {
  const last = to ?? today;
  const first = from ?? addDays(last, -29);
  const days = daysFrom(first, last).length;
  if (days === 0) throw refusal(`it is after 'to', which is ${last}`);
  if (days > maxUsageDays)
    throw refusal(`there are ${days} days from ${first} to ${last}, and the limit is ${maxUsageDays}`);
  return { from: first, to: last };
}

const refusal = (reason: string) =>
  new ApiError("invalid_request_error", `Invalid 'from': ${reason}.`, { param: "from" });
