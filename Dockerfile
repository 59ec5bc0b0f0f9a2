# syntax=docker/dockerfile:1
# Both commands in one image: consign (the entry point) and submit.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
# Modules first, so that a change of the code does not fetch them again.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
# Static, since the final image has another C library than this one.
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/ ./cmd/consign ./cmd/submit

# The base that Temporal's own images of this version stand on; its wget is the workers' health check.
FROM alpine:3.24.1
# A new volume mounted at /var/lib/consign takes its owner from here: the file sink writes without root.
RUN addgroup -g 1000 consign && adduser -u 1000 -G consign -D -H consign \
    && install -d -o consign -g consign -m 0750 /var/lib/consign
COPY --from=build /out/consign /out/submit /usr/local/bin/
USER consign
ENTRYPOINT ["/usr/local/bin/consign"]
CMD ["--help"]
