/** The `output_format` of a media type, which is also the ending of its files: `image/png` → `png`, `image/svg+xml` → `svg`. */
export const imageFormat = (mediaType: string): string => mediaType.replace("image/", "").replace(/\+.*/, "");
