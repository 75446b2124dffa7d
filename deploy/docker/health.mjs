// Asks the process of this container for its health: `node health.mjs /readyz`. Exits with 0 when the answer is 200.
//
// A container runs an api or a worker, and they have different ports. So both ports are asked, and the one that answers decides.

/** Shorter than the timeout of the health check, so that its log has the reason. */
const timeoutMs = 4_000;
const path = process.argv[2] ?? "/healthz";
const { PORT = "4000", WORKER_PORT = "4001" } = process.env;

const ask = async (port) => {
  const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(timeoutMs) });
  return { ok: answer.ok, text: await answer.text() };
};

try {
  const { ok, text } = await Promise.any([ask(PORT), ask(WORKER_PORT)]);
  console.log(text);
  process.exitCode = ok ? 0 : 1;
} catch {
  console.log(`Neither port ${PORT} nor port ${WORKER_PORT} answered within ${timeoutMs} ms.`);
  process.exitCode = 1;
}
