import { ApiError } from "@darkroom/contracts";

/** Not retryable: the images exist, and the same request sent again would buy others. */
export const unreadable = (id: string) => (cause: unknown) => {
  const message = `The images of ${id} are done, but cannot be read from the store just now.`;
  throw new ApiError("overloaded", message, { retryable: false, cause });
};
