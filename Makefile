# What a user and a machine run. `make help` lists it; `make test` is what CI runs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
.PHONY: run build release test bench bench-quick lint format clean help

RELEASE := .build/release/aviary
SOURCES := Sources Tests Benchmarks Package.swift

run: ## Start three nodes on loopback and show their log; Ctrl-C stops them.
	@scripts/install-dependencies run
	swift build -c release --product aviary
	exec $(RELEASE) local --nodes 3

build: ## Build everything for debugging, tests included.
	@scripts/install-dependencies run
	swift build --build-tests --explicit-target-dependency-import-check error

release: ## Build the executable for use: .build/release/aviary.
	@scripts/install-dependencies run
	swift build -c release --product aviary

test: lint build release ## Run every test; this is what CI runs.
	@scripts/install-dependencies test
	swift test --skip-build
	export AVIARY_REQUIRE_ALL=1 AVIARY_BINARY="$(CURDIR)/$(RELEASE)"
	# Whole ensembles share one machine here: what misses its limit has one more chance, alone.
	"$$(scripts/python)" -m pytest Tests/Integration \
		|| "$$(scripts/python)" -m pytest Tests/Integration --last-failed

bench: bench-build ## Measure Aviary beside ZooKeeper and etcd, into docs/performance.md; 20 minutes.
	"$$(scripts/python bench)" bench/run.py --json docs/performance.json \
		--page docs/performance.md --plot docs/performance.svg

bench-quick: bench-build ## The most important rows of that, printed; 3 minutes.
	"$$(scripts/python bench)" bench/run.py --quick

.PHONY: bench-micro
bench-micro: ## The hot paths, each alone; 6 minutes for the first build.
	@scripts/install-dependencies run
	AVIARY_MICROBENCHMARKS=1 swift package --scratch-path .build/micro benchmark

.PHONY: bench-build
bench-build: release
	@scripts/install-dependencies bench
	for product in Load Floor TreeBench; do swift build -c release --product "$$product"; done

lint: ## Check the format of all Swift sources.
	swift format lint --strict -r $(SOURCES)

format: ## Format all Swift sources.
	swift format -i -r $(SOURCES)

clean: ## Remove what was built. Data in ./aviary-data stays.
	rm -rf .build

help: ## Show this.
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
