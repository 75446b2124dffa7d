import { InvalidArgumentError } from "@commander-js/extra-typings";
import { z } from "zod";
import type { HttpApi } from "../service/http-api.ts";

/** The longest page of the api. */
const pageSize = 100;

type Page<T> = { data: T[]; unreadable: string[]; next: string | null };

export type OperatorListRequest<T> = {
  path: string;
  query: Record<string, string | undefined>;
  /** How many are wanted. */
  limit: number;
  item: z.ZodType<T>;
};

export type OperatorList<T> = {
  found: T[];
  /** What of it this service cannot read. */
  unreadable: string[];
  /** The pages as they came. */
  pages: unknown[];
  hasMore: boolean;
};

/**
 * Reads a list that goes tenant after tenant, page after page: such a page has `next`, and may be empty with more to come.
 * @throws {Problem} as `send` does
 */
export async function readOperatorList<T>(
  service: Pick<HttpApi, "send">,
  { path, query, limit, item }: OperatorListRequest<T>,
): Promise<OperatorList<T>> {
  const answer: z.ZodType<Page<T>> = z.object({
    data: z.array(item),
    unreadable: z.array(z.string()),
    next: z.string().nullable(),
  });
  const found: T[] = [];
  const unreadable: string[] = [];
  const pages: unknown[] = [];
  let after: string | null = "";
  while (after !== null && found.length < limit) {
    const size = `${Math.min(limit - found.length, pageSize)}`;
    const page: { value: Page<T>; json: unknown } = await service.send({
      path,
      query: { ...query, limit: size, after: after || undefined },
      as: "admin",
      answer,
    });
    found.push(...page.value.data);
    unreadable.push(...page.value.unreadable);
    pages.push(page.json);
    after = page.value.next;
  }
  return { found, unreadable, pages, hasMore: after !== null };
}

/** Reads `--limit` of such a list. */
export function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError("It must be a whole number from 1 on.");
  return Number(text);
}
