# The binary, built with the official Swift image and run on a plain Debian with its libraries and nothing else.
FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        librdkafka-dev libhiredis-dev libssl-dev libmicrohttpd-dev libyaml-dev libsimdjson-dev \
        libsqlite3-dev libpq-dev zlib1g-dev libcurl4-openssl-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /klinecast
# .dockerignore leaves only what the package is made of.
COPY . .
RUN swift build -c release --product klinecast --static-swift-stdlib \
    && install -D .build/release/klinecast /out/klinecast

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        librdkafka1 libhiredis0.14 libssl3 libmicrohttpd12 libyaml-0-2 libsimdjson14 libsqlite3-0 libpq5 zlib1g libcurl4 libstdc++6 ca-certificates tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin klinecast \
    && install -d -o klinecast -g klinecast -m 0750 /var/lib/klinecast
COPY --from=build /out/klinecast /usr/local/bin/klinecast
USER 10001
# A configuration file is found where it is mounted as /klinecast/config/klinecast.yaml.
WORKDIR /klinecast
ENV STATE_DIR=/var/lib/klinecast
EXPOSE 5004
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["klinecast", "check", "--health", "http://127.0.0.1:5004/health"]
ENTRYPOINT ["klinecast"]
CMD ["router"]
