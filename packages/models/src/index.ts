export type { Catalogue, CatalogueModel } from "./catalogue.ts";
export { CatalogueError } from "./catalogue-error.ts";
export { loadCatalogue, type LoadCatalogueOptions } from "./load-catalogue.ts";
export { type Cost, type Delivered, priceOf } from "./price-of.ts";
export { type ResolvedRequest, resolveRequest } from "./resolve-request.ts";
export { parseSize, type Size } from "./size-rule.ts";
