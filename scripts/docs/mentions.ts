/** What a document names that can be looked up. */
export type Mentions = {
  /** Targets of links within the repository, as they are written: relative to the document. */
  links: string[];
  /** Code that looks like a path of ours: `apps/api/src/app.ts`, `retry-policy.ts`. */
  paths: string[];
  /** Scripts of package.json: `pnpm check`, `npm test`. */
  scripts: string[];
  /** Code that looks like an environment variable. */
  variables: string[];
};

const fence = /^```[\s\S]*?^```$/gm;
/** Folders at the top; a path that begins with another word belongs to another project. */
const ourFolders = /^(?:apps|packages|scripts|e2e|docs)\//;
const fileName = /^[\w.-]+\.(?:ts|mjs|lua|yaml|md|json)$/;
/** Commands that pnpm has itself, and npm's names for a script. */
const builtIn = new Set(["exec", "install", "add", "run"]);

/** Reads what is named out of a Markdown document. Paths in fenced blocks are not looked at: those may be about files to be made. */
export function mentionsIn(markdown: string): Mentions {
  const prose = markdown.replaceAll(fence, "");
  const code = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, text = ""]) => text);
  return {
    links: [...prose.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, target = ""]) => target),
    paths: code.filter((text) => (ourFolders.test(text) && !/[\s*{]/.test(text)) || fileName.test(text)),
    scripts: [...markdown.matchAll(/\b(?:pnpm(?: run)?|npm(?: run)?) ([a-z][a-z:]*)\b/g)]
      .map(([, name = ""]) => name)
      .filter((name) => !builtIn.has(name)),
    variables: code.flatMap((text) => text.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? []),
  };
}
