import { isDamage } from "./quarantine/explain-error.ts";
import type { Page } from "./read-page.ts";

export type TenantPagesOptions<Entry> = {
  /** In any order, each once. No tenant has a slash in its name. */
  tenants: Iterable<string>;
  /** The `next` of the page before this one. */
  after?: string | undefined;
  /** The most entries of a page. */
  limit: number;
  /** The most work of a page, as `readPage` counts it in bytes: some milliseconds of this process. */
  maxBytes?: number;
  /** Reads a page of one tenant, from the beginning or behind an id. Null where there is no such id. */
  readTenant: (part: {
    tenant: string;
    from: string | undefined;
    limit: number;
    maxBytes: number;
  }) => Promise<Page<Entry> | null>;
};

export type TenantPages<Entry> = {
  records: Entry[];
  /** Ids of records that this release cannot read, and `tenant/` for a tenant whose list of records is damaged. */
  unreadable: string[];
  /** Where the next page begins; null after the last. A page may be short, or empty, with more to come. */
  next: string | null;
};

const defaultMaxBytes = 524_288;
/** What it costs to look at a tenant, however little it has. */
const bytesPerTenant = 500;

/**
 * Reads one page of the entries of all tenants, for the operator: tenant after tenant in the order of their names. Entries of all tenants in
 * one order would need an index that every submission writes. Null where `after` is no place to go on from.
 */
export async function readTenantPages<Entry>(options: TenantPagesOptions<Entry>): Promise<TenantPages<Entry> | null> {
  const { after, limit, maxBytes = defaultMaxBytes, readTenant } = options;
  const place = after === undefined ? null : readPlace(after);
  if (after !== undefined && place === null) return null;
  const isLeft = (tenant: string) =>
    place === null || tenant > place.tenant || (tenant === place.tenant && place.id !== "");
  const tenants = [...options.tenants].filter(isLeft).toSorted((a, b) => (a < b ? -1 : 1));
  const records: Entry[] = [];
  const unreadable: string[] = [];
  let bytes = 0;
  for (const tenant of tenants) {
    const from = tenant === place?.tenant ? place.id : undefined;
    const part = { tenant, from, limit: limit - records.length, maxBytes: maxBytes - bytes };
    const page = await readTenant(part).catch((error: unknown) => {
      if (isDamage(error)) return undefined;
      throw error;
    });
    if (page === null) return null;
    if (page === undefined) {
      unreadable.push(placeOf(tenant, ""));
      continue;
    }
    records.push(...page.records);
    unreadable.push(...page.unreadable.map(({ id }) => id));
    bytes += page.bytes + bytesPerTenant;
    if (page.hasMore) return { records, unreadable, next: placeOf(tenant, page.cursor ?? from ?? "") };
    const isFull = records.length >= limit || bytes >= maxBytes;
    if (isFull && tenant !== tenants.at(-1)) return { records, unreadable, next: placeOf(tenant, "") };
  }
  return { records, unreadable, next: null };
}

/** A tenant, and the id behind which the next page begins; no id: behind all of that tenant. */
const placeOf = (tenant: string, id: string): string => `${tenant}/${id}`;

function readPlace(text: string): { tenant: string; id: string } | null {
  const [tenant, id, ...more] = text.split("/");
  return tenant === undefined || id === undefined || more.length > 0 ? null : { tenant, id };
}
