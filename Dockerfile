# The image holds one static binary and the certificates of public authorities: no shell, no
# package manager, nothing to patch but Signet itself.
#
#   docker build --tag signet .
#   docker run --publish 8080:8080 --env-file signet.env signet
#
# There is no C in it, so it cannot load the module of an HSM (docs/operations.md, "Keys in an HSM").
#
# The build does not see the repository: a release passes what `signet version` is to say with
# --build-arg VERSION=v1.2.3 --build-arg REVISION="$(git rev-parse --short=12 HEAD)".

ARG GO_VERSION=1.26

# Built on the builder's own platform: Go compiles for the others faster than emulation runs.
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION REVISION
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -buildvcs=false \
        -ldflags="-s -w -X main.version=$VERSION -X main.revision=$REVISION" -o /out/signet ./cmd/signet

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/signet /usr/local/bin/signet
# Numbers, because there is no /etc/passwd, and so that orchestrators can see it is not root.
USER 65532:65532
# Inside a container the operators' listener is reached through the container's own network:
# publish 8080, never 9090.
ENV SIGNET_OPS_LISTEN=:9090
EXPOSE 8080 9090
# The binary asks its own /healthz: there is no other program here.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["/usr/local/bin/signet", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/signet"]
CMD ["serve"]
