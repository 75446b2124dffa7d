import type { ImageRequest } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import type { Logger } from "@darkroom/observe";
import type { GenerationRecord } from "@darkroom/queue";
import type { ObjectStore } from "@darkroom/storage";
import type { FastifyReply } from "fastify";
import { base64Response } from "./base64-response.ts";
import { describeImages, linkResponse } from "@darkroom/rendering";
import { unreadable } from "./unreadable.ts";

export type SendImagesOptions = {
  catalogue: Catalogue;
  objects: ObjectStore;
  linkTtlSeconds: number;
  log: Logger;
};

/** Returns the function that answers with the images of a succeeded generation, as links or as base64. */
export function createSendImages({ catalogue, objects, linkTtlSeconds, log }: SendImagesOptions) {
  return async (
    reply: FastifyReply,
    record: GenerationRecord,
    format: NonNullable<ImageRequest["response_format"]>,
  ): Promise<FastifyReply> => {
    const described = describeImages(record, catalogue.find(record.model));
    if (format === "url") {
      return reply.send(await linkResponse(described, objects, linkTtlSeconds).catch(unreadable(record.id)));
    }
    const stream = await base64Response(described, objects).catch(unreadable(record.id));
    // The status line is out: all that is left is to break off, which Fastify does, and to say so.
    stream.once("error", (error) =>
      log.error({ generationId: record.id, err: error }, "A response broke off: an image could not be read"),
    );
    return reply.type("application/json; charset=utf-8").send(stream);
  };
}

export type SendImages = ReturnType<typeof createSendImages>;
