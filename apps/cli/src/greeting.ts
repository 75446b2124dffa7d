export type Greeting = {
  baseUrl: string;
  apiKey: string;
  /** The folder of the logs. */
  logs: string;
  /** What the example asks for: a model that is served. */
  model: string;
};

/** What a person reads when the stack is ready: where it is, the key, and a command for a picture. */
export function greeting({ baseUrl, apiKey, logs, model }: Greeting): string {
  return `
Darkroom is ready.

  Base URL  ${baseUrl}
  API key   ${apiKey}
  Logs      ${logs}

Draw an image into a file. Type this in a second terminal:

  ./darkroom draw "A lighthouse" --out lighthouse.png

Or call the API. The answer holds a link to the image:

  curl ${baseUrl}/images/generations \\
    -H "Authorization: Bearer ${apiKey}" \\
    -H "Content-Type: application/json" \\
    -d '{"model": "${model}", "prompt": "A lighthouse at dusk, oil on canvas", "response_format": "url"}'

./darkroom --help shows all commands. Ctrl-C stops everything; queued requests and images are kept.
`;
}
