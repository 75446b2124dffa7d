/** Twelve characters of base64 are 72 bits: no text has them by chance, and a leak of twice as many contains a whole piece. */
const pieceLength = 12;

/** What makes every key of a kind look alike, and so is no secret: `sk-darkroom-`, `whsec_`, and what a key's `prefix` shows of it. */
const openPart = /^(?:sk-darkroom-.{6}|sk-[a-z]+-|whsec_)/;

export type SecretSearch = {
  /** Each secret that is in there, and how it was written; empty when there is none. */
  find: (text: string | Buffer) => string[];
};

/**
 * Looks for secrets by name: whole, any long piece of the part that is not public, and that part in base64 and in hex.
 * A secret of words is looked for whole, as its pieces are ordinary text.
 */
export function createSecretSearch(secrets: Readonly<Record<string, string>>): SecretSearch {
  const needles = Object.entries(secrets).flatMap(([name, secret]) =>
    spellingsOf(secret).map(({ how, text }) => ({ what: `${name}, ${how}`, text })),
  );
  return {
    find: (text) => {
      const haystack = Buffer.isBuffer(text) ? text : Buffer.from(text);
      const found = needles.filter((needle) => haystack.includes(needle.text));
      return [...new Set(found.map(({ what }) => what))];
    },
  };
}

function spellingsOf(secret: string): { how: string; text: string }[] {
  const hidden = secret.replace(openPart, "");
  const spellings = [secret, hidden].flatMap((part) => {
    const bytes = Buffer.from(part);
    return [
      { how: "as it is", text: part },
      { how: "percent-encoded", text: encodeURIComponent(part) },
      { how: "in base64", text: bytes.toString("base64").replace(/=+$/, "") },
      { how: "in base64url", text: bytes.toString("base64url") },
      { how: "in hex", text: bytes.toString("hex") },
    ];
  });
  const pieces = secret.includes(" ") ? [] : (hidden.match(new RegExp(`.{${pieceLength}}`, "g")) ?? []);
  return [...spellings, ...pieces.map((text) => ({ how: "a piece of it", text }))];
}
