import type { FastifyInstance } from "fastify";

export type ListenOptions = { app: FastifyInstance; host: string; port: number };

/** Opens the port and returns the address. Throws a sentence for the operator when it cannot. */
export async function listen({ app, host, port }: ListenOptions): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "EADDRINUSE") {
      throw new Error(`Port ${port} on ${host} is taken. Stop what listens there, or set PORT to another.`, {
        cause: error,
      });
    }
    if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
      throw new Error(`This machine has no address ${host}. Set HOST to one of its own, or to 0.0.0.0 for all.`, {
        cause: error,
      });
    }
    if (code === "EACCES") {
      throw new Error(`Port ${port} needs more rights than this process has. Set PORT to one above 1023.`, {
        cause: error,
      });
    }
    throw error;
  }
}
