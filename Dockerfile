# One image for the api, the worker and the cli; the command says which. There is no build step: Node runs the TypeScript as it stands,
# so the workspace is copied as it is (Node does not strip types below node_modules, and workspace packages are links out of it).
#
#   docker build -t darkroom .
#   docker build -t darkroom --build-arg BASE_IMAGE=registry.example/node:26 .
ARG BASE_IMAGE=node:26-bookworm-slim

# The manifests alone, so that a changed source file does not install the dependencies again.
FROM ${BASE_IMAGE} AS manifests
WORKDIR /all
COPY . .
RUN mkdir /manifests \
 && find . -name package.json -not -path '*/node_modules/*' -exec cp --parents {} /manifests \; \
 && cp pnpm-lock.yaml pnpm-workspace.yaml /manifests

FROM ${BASE_IMAGE} AS dependencies
WORKDIR /app
COPY --from=manifests /manifests .
# "pnpm@" and its version, as npm takes it.
RUN npm install --global --no-audit --no-fund "$(node -p 'require("./package.json").packageManager')"
# Only what the three apps need to run: neither test tools nor anything else's dependencies.
RUN pnpm install --prod --frozen-lockfile \
      --filter-prod '@darkroom/api...' --filter-prod '@darkroom/worker...' --filter-prod '@darkroom/cli...'

FROM ${BASE_IMAGE}
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=dependencies /app .
COPY . .
USER node
EXPOSE 4000
CMD ["node", "apps/api/src/main.ts"]
