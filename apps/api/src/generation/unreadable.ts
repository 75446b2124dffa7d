import { ApiError } from "@darkroom/contracts";
import { ObjectNotFoundError } from "@darkroom/storage";

/**
 * Throws what a caller is told whose images were made and could not be read. Never retryable: while the store is away they exist, and once
 * they are gone from it they stay so. The same request sent again would buy others.
 */
export const unreadable = (id: string) => (cause: unknown) => {
  if (cause instanceof ObjectNotFoundError) throw imagesGone(id, cause);
  const message = `The images of ${id} are done, but cannot be read from the store just now.`;
  throw new ApiError("overloaded", message, { retryable: false, cause });
};

const imagesGone = (id: string, cause: unknown) =>
  new ApiError(
    "images_gone",
    `The images of ${id} were made, but are not in the store any more. POST /v1/generations/${id}/retry has them made again, at the price of new ones.`,
    { cause },
  );
