import type { AnsweredImage, ImagesAnswer } from "../ask-for-images.ts";
import { missingImage } from "../bad-delivery.ts";

/** The image of a call that draws one. */
export const onlyImage = ({ images: [image], failure }: ImagesAnswer): AnsweredImage =>
  image ?? { error: failure ?? missingImage() };

/** The images of a series, of which the model decides how many there are: where it drew fewer than it might, none is missing. */
export const seriesOf = ({ images, failure }: ImagesAnswer): AnsweredImage[] =>
  failure === undefined ? images : [...images, { error: failure }];
