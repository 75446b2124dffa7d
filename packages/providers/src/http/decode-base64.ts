const noBytes = Buffer.alloc(0);
/** Anything but the two alphabets of base64. Line breaks are the most frequent. */
const foreign = /[^\w+/-]+/g;

/**
 * Decodes base64 that comes in parts, to the bytes that `Buffer.from(text, "base64")` makes of the whole: either alphabet, with or without
 * padding, what is no base64 is passed over, and nothing counts behind the first `=`.
 */
export function createBase64Decoder() {
  /** Up to three characters, which wait for the rest of their four. */
  let rest = "";
  let isOver = false;
  let scratch = noBytes;

  function decoded(text: string): Buffer {
    const most = Math.ceil((text.length * 3) / 4);
    if (scratch.length < most) scratch = Buffer.allocUnsafe(most);
    return scratch.subarray(0, scratch.write(text, "base64"));
  }

  return {
    /** The bytes are to be used before the next call, which writes over them: so megabytes leave no garbage behind. */
    decode(part: string): Buffer {
      if (isOver) return noBytes;
      const padding = part.indexOf("=");
      let text = rest + (padding === -1 ? part : part.slice(0, padding));
      let whole = text.length - (text.length % 4);
      let bytes = decoded(text.slice(0, whole));
      if (bytes.length !== (whole / 4) * 3) {
        text = text.replace(foreign, "");
        whole = text.length - (text.length % 4);
        bytes = decoded(text.slice(0, whole));
      }
      rest = text.slice(whole);
      if (padding === -1) return bytes;
      isOver = true;
      return Buffer.concat([bytes, this.end()]);
    },

    /** The last one or two bytes. */
    end(): Buffer {
      const bytes = Buffer.from(rest, "base64");
      rest = "";
      return bytes;
    },
  };
}
