export type LabelledBlock = {
  /** The path above the block, from the top of the checkout. */
  path: string;
  /** Whether the block is added to the end of a file rather than being one. */
  isAddition: boolean;
  text: string;
};

/** The code blocks of a Markdown document that stand under a line with nothing but a path, or `Add to` and a path. */
export function labelledBlocks(markdown: string): LabelledBlock[] {
  const block = /^(?<add>Add to )?`(?<path>[^`\n]+)`\n\n```\w*\n(?<text>[\s\S]*?)^```$/gm;
  return [...markdown.matchAll(block)].map(({ groups }) => ({
    path: groups?.["path"] ?? "",
    isAddition: groups?.["add"] !== undefined,
    text: groups?.["text"] ?? "",
  }));
}

/** The text of every block in a language, labelled or not, in their order. */
export function blocksIn(language: string, markdown: string): string[] {
  const block = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "gm");
  return [...markdown.matchAll(block)].map(([, text = ""]) => text);
}
