/** A day may have a million entries, read from one store and written to another. Node's own `fetch` gives up at five minutes. */
export const dayTimeoutMs = 280_000;
