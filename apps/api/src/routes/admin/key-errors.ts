import { ApiError } from "@darkroom/contracts";

/** What is said of an id that has no key. */
export const noSuchKey = () =>
  new ApiError("not_found", "There is no key of this id. Keys of API_KEYS are changed where they are listed.");

/** What is said where a tenant would have two keys of one name. */
export const nameTaken = (name: string) =>
  new ApiError("conflict", `The tenant has a key named '${name}' already.`, { param: "name" });
