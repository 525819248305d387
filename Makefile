# The commands of this project; `make` or `make help` lists them.
#
# Written for GNU make 3.81 and later (macOS ships 3.81), with nothing needed but Go. The rest
# (PostgreSQL, a browser, Node.js, nginx) is looked after by scripts/prepare.

GO ?= go
# Two packages at a time suit a machine of two cores: more only makes the browser tests wait.
TEST_PARALLEL ?= 2
# Extra arguments: make test TESTFLAGS='-run Refresh -v', make run ARGS='--help'.
TESTFLAGS ?=
ARGS ?=
# What `make test` tests: make test PKG=./keys/...
PKG ?= ./...

GO_DIRS := $(wildcard bench cmd docs internal keys migrations pkg test)
NODE_TESTS := $(wildcard test/node/package-lock.json)
NODE_READY := $(NODE_TESTS:package-lock.json=node_modules/.package-lock.json)

.DEFAULT_GOAL := help
.PHONY: help run build test test-pkcs11 bench bench-growth bench-verify cover lint fmt generate check-generated check-format check-modules check-code clean-dev tools

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start Signet with a private database, demo people and demo applications
	@scripts/prepare go postgresql
	@$(GO) build -o bin/signet ./cmd/signet
	@exec ./bin/signet dev $(ARGS)

build: ## Build bin/signet, a static binary for production
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/signet ./cmd/signet

# The tools of scripts/prepare on macOS live in .tools/bin.
test: ## Run all tests, browser and Node.js clients included, with the race detector
	@scripts/prepare go cc postgresql browser nginx $(if $(NODE_TESTS),node)
	@$(if $(NODE_READY),$(MAKE) --no-print-directory $(NODE_READY))
	PATH="$(CURDIR)/.tools/bin:$$PATH" $(GO) test -race -p $(TEST_PARALLEL) -timeout 10m $(TESTFLAGS) $(PKG)
	$(if $(filter ./...,$(PKG)),cd bench && $(GO) test -race $(TESTFLAGS) ./...)

# What the build tag brings in needs cgo, and a token: SoftHSM is one in software.
test-pkcs11: ## Check and test keys in an HSM (build tag pkcs11) on SoftHSM
	@scripts/prepare go cc postgresql softhsm
	CGO_ENABLED=1 $(GO) vet -tags pkcs11 ./internal/hsm/... ./internal/app ./cmd/signet
	CGO_ENABLED=1 $(GO) test -race -tags pkcs11 -timeout 5m $(TESTFLAGS) ./internal/hsm/...

# Benchmarks are a module of their own, so that what they compare with stays out of the product's.
bench: ## Measure the server beside what could be reached (minutes; ARGS='--help' says more)
	@scripts/prepare go postgresql $(if $(NODE_TESTS),node)
	@$(if $(NODE_READY),$(MAKE) --no-print-directory $(NODE_READY))
	@cd bench && $(GO) build -o ../bin/bench .
	@exec bin/bench $(ARGS)

bench-growth: ## Measure the same with 1k and with 1M users in the database (some minutes)
	@scripts/prepare go postgresql
	@cd bench && $(GO) build -o ../bin/bench .
	@exec bin/bench growth $(ARGS)

test/node/node_modules/.package-lock.json: test/node/package-lock.json test/node/package.json
	cd test/node && npm ci --no-audit --no-fund
	@touch $@

bench-verify: ## Compare pkg/verify with a bare signature check and other libraries (ARGS='-json FILE')
	@scripts/prepare go
	@cd bench && $(GO) build -o ../bin/verifybench ./verifybench
	@bin/verifybench $(ARGS)

cover: ## Run all tests and write their coverage to cover.out
	@$(MAKE) --no-print-directory test TESTFLAGS='-coverpkg=./... -coverprofile=cover.out $(TESTFLAGS)'
	@$(GO) tool cover -func=cover.out | tail -n 1

# Each part reports, whatever the others found.
lint: ## Check formatting, linters and module files
	@status=0; for part in check-format check-modules check-code; do \
		$(MAKE) --no-print-directory $$part || status=1; done; exit $$status

check-format:
	@unformatted="$$(gofmt -l $(GO_DIRS))"; if [ -n "$$unformatted" ]; then \
		echo "gofmt has not been run on these files; run: make fmt"; echo "$$unformatted"; exit 1; fi

check-code: .tools/golangci-lint
	.tools/golangci-lint run
	@scripts/prepare cc
	CGO_ENABLED=1 .tools/golangci-lint run --build-tags pkcs11 ./internal/hsm/...
	cd bench && ../.tools/golangci-lint run

fmt: ## Format the Go code
	gofmt -w $(GO_DIRS)

# -diff only prints what is missing: it never edits.
check-modules:
	$(GO) mod verify
	$(GO) mod tidy -diff
	cd internal/tools && $(GO) mod tidy -diff
	cd bench && $(GO) mod tidy -diff

generate: .tools/sqlc ## Write generated code and docs again (after changing SQL, settings or the admin API)
	cd internal/postgres && ../../.tools/sqlc generate -f sqlc.yaml
	$(GO) run ./cmd/signet config docs > docs/configuration.md.new
	mv docs/configuration.md.new docs/configuration.md
	$(GO) run ./internal/adminapi/gen

check-generated: .tools/sqlc ## Fail when generated code or docs are out of date
	scripts/check-generated

# Tools are built from internal/tools, a module of its own, so that their hundreds of
# dependencies stay out of the product's. Always asked for: Go itself knows what is up to date,
# including after a new Go release, which linters must be built with.
.PHONY: .tools/golangci-lint .tools/sqlc
.tools/golangci-lint:
	@cd internal/tools && $(GO) build -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
.tools/sqlc:
	@cd internal/tools && $(GO) build -o ../../$@ github.com/sqlc-dev/sqlc/cmd/sqlc
tools: .tools/golangci-lint .tools/sqlc ## Build the linter and the SQL compiler into .tools

clean-dev: ## Forget the database, keys and demo people of make run
	$(GO) run ./cmd/signet dev forget
