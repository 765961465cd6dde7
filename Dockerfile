# The worker (and the command line) as an image; docker-compose.yml builds and runs it.
#   docker build -t bactrian .
#   docker run --rm -it -v "$PWD:/project:ro" -v ~/.ssh:/home/node/.ssh:ro -e TEMPORAL_ADDRESS=… bactrian --help

FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No install scripts: all of them build optional native code for which this image has no compiler.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY workflows ./workflows
COPY activities ./activities
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:22-bookworm-slim
# ssh for ProxyCommand, git for the version that Kamal would deploy, certificates for TLS to Temporal, tini to reap
# what hooks leave behind. Hooks and .kamal/secrets that call other programs (op, aws, ruby) need an image built on this.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates git openssh-client tini \
 && rm -rf /var/lib/apt/lists/* \
 # The project is mounted from the host and belongs to another user there.
 && git config --system --add safe.directory /project \
 # Open like /tmp, since the worker may run under the id of the host's user; what it makes in there is its own, 0700.
 && mkdir -m 1777 /state && mkdir /project
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
ENV NODE_ENV=production HOME=/home/node BACTRIAN_STATE_DIR=/state
USER node
WORKDIR /project
ENTRYPOINT ["tini", "--", "node", "/app/dist/src/cli/main.js"]
CMD ["--help"]
