# Debian 12: the uWebSockets.js binary for Node 20 and ONNX Runtime both run on its glibc 2.36.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --include=dev --no-audit --no-fund
COPY tsconfig.json ./
COPY engine engine
RUN node engine/cli/nba.mjs build
RUN npm prune --omit=dev --no-audit --no-fund
# Both packages bring the binaries of every platform, 0.5 GB of them: keep this one's.
RUN arch="$(node -p process.arch)" abi="$(node -p process.versions.modules)" \
 && find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 -type d ! -path "*/linux/$arch" -exec rm -r {} + \
 && find node_modules/uWebSockets.js -name '*.node' ! -name "uws_linux_${arch}_${abi}.node" -delete \
 && node -e 'require("uWebSockets.js"); require("onnxruntime-node")'

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY engine engine
COPY rules rules
COPY models models
USER node
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/healthz`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# The image holds no Redis, and while AUTH is off the engine listens on loopback only, so it shares the host's network:
#   docker run --network host -e REDIS_URL=redis://127.0.0.1:6379 nba-engine
# With tokens it may listen anywhere; ADVERTISE is where the other engines on the same Redis reach it:
#   docker run -p 8080:8080 -e HOST=0.0.0.0 -e ADVERTISE=engine-1.internal:8080 -e JWT_SECRET -e REDIS_URL nba-engine
CMD ["node", "--enable-source-maps", "dist/program/nba.js", "start"]
