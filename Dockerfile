# The images of both services: `docker build --target ingest .` and `docker build --target consumer .`.
# Needs BuildKit (the default since Docker 23; before it, DOCKER_BUILDKIT=1), whose cache mounts keep the crates, what
# was compiled of them, and the npm packages between builds.

# The version is that of rust-toolchain.toml, which stays out of the image: rustup would act on it.
FROM rust:1.95.0-bookworm AS build
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY schema schema
COPY service service
COPY insight insight
COPY ingest ingest
COPY consumer consumer
COPY migrations migrations
# Not built, but cargo wants to see every member of the workspace.
COPY local local
COPY bench bench
# The folder of the cache is gone after the step, so the executables leave it within.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/build/target,sharing=locked \
    cargo build --locked --release --package prompt-telemetry-ingest --package prompt-telemetry-consumer \
    && install -D --target-directory=/out target/release/ingest target/release/consumer

FROM node:22.21.1-bookworm-slim AS web
WORKDIR /build/web
COPY web ./
RUN --mount=type=cache,target=/root/.npm npm ci --no-audit --no-fund && npm run build

FROM debian:bookworm-slim AS runtime
# OpenSSL is what librdkafka speaks TLS with; the certificates are for TLS to Kafka and to Postgres.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libssl3 \
    && rm -rf /var/lib/apt/lists/*
COPY --chmod=755 deploy/healthcheck /usr/local/bin/healthcheck
# A number, so that Kubernetes can see that it is not root. It owns nothing, and nothing is written.
USER 10001:10001

FROM runtime AS consumer
COPY --from=build /out/consumer /usr/local/bin/consumer
EXPOSE 9102
ENTRYPOINT ["consumer"]
CMD ["run"]

FROM runtime AS ingest
COPY --from=build /out/ingest /usr/local/bin/ingest
COPY --from=web /build/web/demo/dist /srv/web
# Every address, IPv4 and IPv6, on the port that a platform may replace. INGEST_LISTEN, where it is set, wins.
ENV INGEST_WEB_DIR=/srv/web PORT=8080
EXPOSE 8080 9101
ENTRYPOINT ["ingest"]
