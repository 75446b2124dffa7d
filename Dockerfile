# One image for the api, the worker and the command line; the first word of the command says which (deploy/docker/darkroom). There is no
# build step: Node runs the TypeScript as it stands. So the workspace is copied as it is, and `pnpm deploy` cannot be used: it puts our
# packages below node_modules, where Node does not strip types.
#
#   docker build -t darkroom .
#
# Arguments: BASE_IMAGE, a Debian with Node 26 and npm; NPM_REGISTRY, a mirror of the npm registry. Behind a proxy, Docker's own HTTP_PROXY,
# HTTPS_PROXY and NO_PROXY.
ARG BASE_IMAGE=node:26-bookworm-slim

# The manifests alone, so that a changed source file does not install the dependencies again.
FROM ${BASE_IMAGE} AS manifests
WORKDIR /all
COPY . .
RUN mkdir /manifests \
 && find . -name package.json -not -path '*/node_modules/*' -exec cp --parents {} /manifests \; \
 && cp pnpm-lock.yaml pnpm-workspace.yaml /manifests

FROM ${BASE_IMAGE} AS dependencies
ARG NPM_REGISTRY
WORKDIR /app
COPY --from=manifests /manifests .
# "pnpm@" and its version, as npm takes it.
RUN npm install --global --no-audit --no-fund ${NPM_REGISTRY:+--registry "$NPM_REGISTRY"} "$(node -p 'require("./package.json").packageManager')"
# Only what the three apps need to run: neither test tools nor anything else's dependencies.
RUN pnpm install --prod --frozen-lockfile ${NPM_REGISTRY:+--registry "$NPM_REGISTRY"} \
      --filter-prod '@darkroom/api...' --filter-prod '@darkroom/worker...' --filter-prod '@darkroom/cli...'

# In a stage of its own, because apt leaves 80 MB of lists behind.
FROM ${BASE_IMAGE} AS init
RUN apt-get update -q && apt-get install -yq --no-install-recommends tini

FROM ${BASE_IMAGE}
# As process 1, Node would ignore a SIGTERM that comes before it listens for signals, and Kubernetes would wait 400 s to kill it. tini hands
# signals on, and reaps the children of children.
COPY --from=init /usr/bin/tini-static /usr/local/bin/tini
# The addresses are those of the container; what of them is reachable, Docker or Kubernetes says. Spooled images are on a disk, because a
# /tmp in memory would make them take memory.
ENV NODE_ENV=production HOST=0.0.0.0 WORKER_HOST=0.0.0.0 WORKER_PORT=4001 SPOOL_DIRECTORY=/var/spool/darkroom
WORKDIR /app
COPY --from=dependencies /app .
COPY . .
RUN ln -s /app/deploy/docker/darkroom /usr/local/bin/darkroom && install -d -o 1000 -g 1000 /var/spool/darkroom
# The user `node` of the image, by number: Kubernetes cannot tell of a name that it is not root.
USER 1000:1000
EXPOSE 4000 4001
# Alive, not ready: Swarm replaces what is not healthy, and a worker that waits for Redis may hold images that are paid for.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "/app/deploy/docker/health.mjs", "/healthz"]
ENTRYPOINT ["tini", "--", "darkroom"]
CMD ["api"]
