import type { ImageRequest } from "@darkroom/contracts";
import type { CatalogueModel } from "@darkroom/models";

/** What an answer carries of each image. */
export const responseFormats = ["url", "b64_json", "both"] as const;
export type ResponseFormat = (typeof responseFormats)[number];

/**
 * What an answer carries where its caller may not have asked for a `response_format`. OpenAI refuses that field for the GPT image
 * models and always answers with base64, so its clients do not send it and read `b64_json`; the commissioned document answers with
 * links. `silence` is what the operator wants for these models. Others answer with links.
 */
export function bodyFormat(
  { response_format: asked }: Pick<ImageRequest, "response_format">,
  model: CatalogueModel | undefined,
  silence: ResponseFormat,
): ResponseFormat {
  return asked ?? (model?.family === "gpt-image" ? silence : "url");
}

/**
 * The same for the events of a stream. OpenAI's have base64, whatever the model, and its clients read nothing else: only a caller who
 * asks for links alone gets them alone.
 */
export function eventFormat(
  { response_format: asked }: Pick<ImageRequest, "response_format">,
  silence: ResponseFormat,
): ResponseFormat {
  return asked ?? (silence === "both" ? "both" : "b64_json");
}
