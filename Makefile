# Type make for a list of what there is to do.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# golangci-lint brings the formatter too: gofumpt 0.12.0.
LINT_VERSION := 2.15.0
LINT := bin/golangci-lint-$(LINT_VERSION)

DEADCODE_VERSION := v0.52.0
DEADCODE := bin/deadcode-$(DEADCODE_VERSION)

BENCHSTAT_VERSION := v0.0.0-20260908200009-22c9c6c9d4da
BENCHSTAT := bin/benchstat-$(BENCHSTAT_VERSION)

# Modules of their own, for the sake of their dependencies.
NESTED := bench examples/desk examples/observability examples/routers internal/browsertest internal/spectest jwks otel outbox prom
MODULES := . $(NESTED)

# All of them as one workspace, so that linters load each package once.
WORK := bin/go.work

# How long each fuzz target runs: `make fuzz FUZZTIME=10m`.
FUZZTIME := 2m

# What bench-compare compares with, which benchmarks, how often and how long:
# `make bench-compare BASE=HEAD~1 BENCH=Publish COUNT=10`.
BASE := main
BENCH := .
COUNT := 6
BENCHTIME := 0.2s

# Tests that measure, or that the race detector makes take minutes, are in files
# that it does not see. The others wait more than they compute, so more of them
# run at once than there are processors.
UNRACED = $(shell grep -rl '^//go:build !race' --include='*_test.go' .)
AT_ONCE := -parallel 4
# These wait so much that they say themselves how many run at once, which a flag
# would overrule. They run beside all others: alone they leave the processors idle.
WAITING := ./store_redis ./internal/upgradetest

.PHONY: help
help: ## Show this list, with how long each takes on two processors
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: quick
quick: ## Before each commit: what is likely to break (under 1 min)
	@! gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go') | grep . || { echo 'Not formatted: make fmt' >&2; exit 1; }
	@go vet ./...
	@go test -short -parallel 6 ./...

.PHONY: check
check: programs ## Everything that must pass before a change goes in, as in CI; installs on Debian what the tests need (20 min)
	@# The pages of browsers wait more than they compute: what only computes runs beside
	@# them, and after them.
	@$(MAKE) --no-print-directory -j2 -Oline test-browser static
	@$(MAKE) --no-print-directory test-servers

.PHONY: test
test: test-servers test-browser ## Run all tests, with the race detector (17 min)

.PHONY: test-servers test-waiting test-race test-others test-browser static
test-servers: programs
	@# Once, and not by each that begins with it.
	@go build -race ./...
	@$(MAKE) --no-print-directory -j2 -Oline test-waiting test-race test-others
test-waiting:
	@go test -race -timeout 20m -p 1 $(WAITING)
test-race:
	@go test -race -timeout 20m $(AT_ONCE) $$(go list ./... | grep -vxF "$$(go list $(WAITING))")
test-others:
	@go test -timeout 10m $(AT_ONCE) -run "^($$(grep -hoE '^func Test[A-Za-z0-9_]+' $(UNRACED) | cut -c6- | paste -sd '|'))$$" $$(dirname $(UNRACED) | sort -u)
	@# The protocol once more, without WebSockets.
	@go test -timeout 10m -short $(AT_ONCE) ./internal/protocoltest -feeds
	@# In these modules the library runs in other processes, if at all.
	@for m in $(filter-out internal/browsertest,$(NESTED)); do (cd "$$m" && go test -timeout 10m ./...); done
# Not beside tests that make networks: a browser gives up what it is loading when an
# address of the machine comes or goes.
test-browser: programs
	@cd internal/browsertest && go test -timeout 20m -parallel 6 ./...
static:
	@nice $(MAKE) --no-print-directory lint build
	@nice $(MAKE) --no-print-directory fuzz FUZZTIME=1s

.PHONY: build
build: ## Build everything, the examples too (½ min)
	@for m in $(MODULES); do (cd "$$m" && go build -o /dev/null ./...); done

.PHONY: lint
lint: $(LINT) $(DEADCODE) $(WORK) ## Check format, style and common mistakes, and that all functions are reached (1 min)
	@GOWORK="$(CURDIR)/$(WORK)" $(LINT) run --allow-parallel-runners $(MODULES:%=./%/...)
	@# Examples without output are compiled, and not run.
	@GOWORK="$(CURDIR)/$(WORK)" $(DEADCODE) -test -filter "$$(go list -m)" $(MODULES:%=./%/...) | (! grep -v 'example_test\.go:')

.PHONY: fmt
fmt: $(LINT) ## Format the code (5 s)
	@for m in $(MODULES); do (cd "$$m" && "$(CURDIR)/$(LINT)" fmt --config "$(CURDIR)/.golangci.yml" ./...); done

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME, 2 minutes by default (50 min)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | xargs dirname | sort -u | while read -r package; do .ci/fuzz "$$package" $(FUZZTIME); done

.PHONY: valkey
valkey: ## Run the conformance suite of stores on Valkey instead of Redis (2 min)
	@REDISTEST_SERVER=valkey-server go test ./store_redis -run '^(TestConformanceOnServer|TestConformanceOnCluster|TestClientOptions)$$' -v | grep -v '^ '

.PHONY: faults
faults: ## Break Redis, nodes and networks in full, one fault after another (1 h)
	@go test ./internal/faults -full -parallel 1 -timeout 3h -v
	@cd outbox && go test -run TestKilled -full -timeout 3h -v .
	@go test ./store_redis -run 'TestSilentChannelsCostNothing|TestManySchedulesAreDueAtOnce|TestSchedulesAreListedEvenly|TestIdleNodesCostLittle' -parallel 1 -v -full

.PHONY: bench
bench: ## Run the benchmarks (5 min)
	@for m in $(MODULES); do (cd "$$m" && go test -run '^$$' -bench . -benchmem ./...); done

.PHONY: bench-compare
bench-compare: $(BENCHSTAT) ## Compare the benchmarks with those of BASE, main by default: what differs, and is no noise (15 min)
	@bench/compare.sh "$(CURDIR)/$(BENCHSTAT)" "$(BASE)" "$(BENCH)" "$(COUNT)" "$(BENCHTIME)"

.PHONY: programs
programs:
	@.ci/install

$(WORK): Makefile
	@mkdir -p bin
	@rm -f $@
	@GOWORK="$(CURDIR)/$@" go work init $(MODULES)

$(LINT):
	@echo "Installing golangci-lint $(LINT_VERSION)"
	@mkdir -p bin
	@GOBIN="$(CURDIR)/bin" GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(LINT_VERSION)
	@mv bin/golangci-lint $@

$(DEADCODE):
	@echo "Installing deadcode"
	@mkdir -p bin
	@GOBIN="$(CURDIR)/bin" GOFLAGS= go install golang.org/x/tools/cmd/deadcode@$(DEADCODE_VERSION)
	@mv bin/deadcode $@

$(BENCHSTAT):
	@echo "Installing benchstat"
	@mkdir -p bin
	@GOBIN="$(CURDIR)/bin" GOFLAGS= go install golang.org/x/perf/cmd/benchstat@$(BENCHSTAT_VERSION)
	@mv bin/benchstat $@
