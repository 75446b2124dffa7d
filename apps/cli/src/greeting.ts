/** What a person reads when the stack is ready: where it is, the key, and something to paste. */
export function greeting({ baseUrl, apiKey, logs }: { baseUrl: string; apiKey: string; logs: string }): string {
  return `
Darkroom is ready.

  Base URL  ${baseUrl}
  API key   ${apiKey}
  Logs      ${logs}

Ask for an image; the answer holds its link:

  curl ${baseUrl}/images/generations \\
    -H "Authorization: Bearer ${apiKey}" \\
    -H "Content-Type: application/json" \\
    -d '{"model": "gpt-image-1", "prompt": "A lighthouse at dusk, oil on canvas", "size": "1024x1024"}'

Ctrl-C stops everything; what is queued and made is kept.
`;
}
