# Every target is one line; .ci/run is where the checks themselves are written down.

.DEFAULT_GOAL := help
.PHONY: help build test race fuzz lint fmt bench demo ci

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build consign and submit into bin/
	go build -trimpath -o bin/ ./cmd/consign ./cmd/submit

test: ## Run every test
	go test -timeout 20m ./...

race: ## Run every test under the race detector (needs a C compiler)
	go test -race -timeout 30m ./...

fuzz: ## Run every fuzz target for FUZZTIME (30s)
	grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z]*' . | while IFS=: read -r file fuzz; do go test "$$(dirname "$$file")" -run '^$$' -fuzz "^$${fuzz#func }\$$" -fuzztime $(or $(FUZZTIME),30s) || exit 1; done

lint: ## Vet, lint, and check that the workflows are deterministic
	.ci/run vet workflows lint

fmt: ## Format every file with gofumpt
	go tool -modfile=tools/go.mod gofumpt -w .

bench: ## Measure throughput and latency beside the floor of the same server
	go run ./bench

demo: ## Watch results reach three sinks through one that fails
	go run ./cmd/consign demo

ci: ## Everything that has to pass before a merge
	.ci/run
