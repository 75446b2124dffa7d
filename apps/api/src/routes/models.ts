import { assertModelAllowed } from "@darkroom/accounts";
import { ApiError, quoteValue } from "@darkroom/contracts";
import type { Catalogue } from "@darkroom/models";
import type { FastifyInstance } from "fastify";
import { accountOf } from "../http/authenticate.ts";
import { showModel } from "./show-model.ts";

export type ModelsDependencies = { catalogue: Catalogue };

/** `GET /v1/models`, as many as the key may use, and `GET /v1/models/{id or alias}`. */
export function modelsRoutes(app: FastifyInstance, { catalogue }: ModelsDependencies): void {
  app.get("/v1/models", async (request, reply) => {
    const { models } = accountOf(request);
    const allowed = catalogue.models.filter(({ id }) => models?.includes(id) ?? true);
    return reply.send({ object: "list", data: allowed.map((model) => showModel(model, catalogue)) });
  });

  // A model's name may have slashes in it.
  app.get<{ Params: { "*": string } }>("/v1/models/*", async (request, reply) => {
    const { "*": name } = request.params;
    const model = catalogue.find(name);
    if (model === undefined) {
      throw new ApiError("not_found", `The model ${quoteValue(name)} does not exist.`, { param: "model" });
    }
    assertModelAllowed(accountOf(request), model.id);
    return reply.send(showModel(model, catalogue));
  });
}
