# syntax=docker/dockerfile:1
# The gateway and the ledger for production in one image: without the stand-ins, without a shell, not as root.
#   docker build --build-arg FEATURES=oidc --tag talon .      FEATURES is empty unless set
#   docker run --read-only -v /etc/talon:/etc/talon:ro -v talon:/var/lib/talon -p 8080:8080 talon
#   docker run … --no-healthcheck --entrypoint talon-ledger talon serve --config /etc/talon/ledger.toml
# Inside, `server.listen` has to be 0.0.0.0:8080 for -p to lead to it. Files of secrets: of user 65532 and mode 0600,
# or of root and group 65532 and mode 0640.

FROM rust:1.95-slim-bookworm AS build
ARG FEATURES=""
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile dist --no-default-features --features "${FEATURES}" \
        --package talon-gateway --bin talon \
    && cargo build --locked --profile dist --package talon-ledger --bin talon-ledger \
    && install -D --target-directory=/out/usr/local/bin target/dist/talon target/dist/talon-ledger \
    && install -d -m 0755 /out/etc/talon \
    && install -d -m 0700 /out/var/lib/talon

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/usr /usr
COPY --from=build /out/etc /etc
COPY --from=build --chown=65532:65532 /out/var/lib/talon /var/lib/talon
ENV TALON_CONFIG=/etc/talon/gateway.toml
WORKDIR /var/lib/talon
USER 65532:65532
# The public listener, the admin listener; 7100 and 9190 those of a ledger of its own.
EXPOSE 8080 9090
# A start replays the journal since its last snapshot.
HEALTHCHECK --interval=10s --timeout=6s --start-period=300s --retries=3 \
    CMD ["/usr/local/bin/talon", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/talon"]
CMD ["serve"]
