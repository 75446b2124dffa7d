import type { Tracer } from "@darkroom/tracing";
import type { CheckedImage, ImageChecker } from "../check-image.ts";
import { ProviderError } from "../provider-error.ts";
import type { ImageBytes } from "../spool/spooled-bytes.ts";

/** The same checker with a span for each check. */
export function traceImageChecker(images: ImageChecker, tracer: Tracer): ImageChecker {
  if (!tracer.isOn) return images;
  return {
    ...images,
    check<Bytes extends ImageBytes>(bytes: Bytes, signal: AbortSignal): Promise<CheckedImage<Bytes>> {
      const attributes = { "darkroom.image.bytes": bytes.byteLength };
      return tracer.within({ name: "check image", attributes }, async (span) => {
        try {
          const checked = await images.check(bytes, signal);
          const { mediaType, width, height } = checked;
          span.set({
            "darkroom.image.media_type": mediaType,
            "darkroom.image.width": width,
            "darkroom.image.height": height,
          });
          return checked;
        } catch (error) {
          if (error instanceof ProviderError) span.fail(error.facts.code);
          throw error;
        }
      });
    },
  };
}
