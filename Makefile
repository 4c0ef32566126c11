# Every recipe is quiet unless it fails, and none runs beside another: they share .build.
.NOTPARALLEL:
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

SWIFT ?= swift
KLINECAST ?= .build/release/klinecast
# What `swift test` shall run: `make test FILTER=RouterTests`.
FILTER ?=
# Suites without librdkafka's threads, at whose start the thread sanitizer gives up.
TSAN_SUITES ?= MarketDataTests|TelemetryTests|ConfigurationTests|RouterTests|PersisterTests|AssignmentTests
# Most tests start servers and programs: more of them at once than this starve each other on two cores. `swift test` can't
# limit that, so the bundle, which is a program on Linux, is run by itself.
TESTS_AT_ONCE ?= 3
run_tests = Scripts/run-tests $(1)/tests.log $(1)/debug/klinecastPackageTests.xctest \
    --testing-library swift-testing --experimental-maximum-parallelization-width $(TESTS_AT_ONCE) $(if $(FILTER),--filter '$(FILTER)')
OUR_SWIFT = Package.swift Sources Tests docs/contracts/examples $(wildcard Benchmarks Fuzz)

.PHONY: help
help: ## this list
	@while IFS= read -r line; do case $$line in \
	    'ifneq ($$(wildcard '*) script=$${line#*wildcard }; [ -e "$${script%%)*}" ] || skip=1 ;; endif) skip= ;; \
	    [a-z]*:*'## '*) [ -n "$${skip:-}" ] || printf '  make %-9s %s\n' "$${line%%:*}" "$${line#*\#\# }" ;; esac; \
	done <Makefile

.PHONY: deps
deps: ## show and install the distribution's packages that are missing
	@Scripts/deps

.PHONY: build
build: deps ## the release binary, .build/release/klinecast
	@Scripts/quietly $(SWIFT) build -c release --product klinecast

.PHONY: up
up: build ## build, then everything on this machine with the demo's candles; Ctrl-C ends it
	@exec $(KLINECAST) up

.PHONY: test
test: ## all tests; the suite on a real Kafka needs KAFKA_HOME
	@Scripts/deps test
	@Scripts/quietly $(SWIFT) build --build-tests
	@[ -n "$${KAFKA_HOME:-}" ] || Scripts/notice 'KAFKA_HOME is not set: the tests on a real Kafka are SKIPPED.' \
	    'Unpack Apache Kafka 4 and run: make test KAFKA_HOME=/path/to/kafka'
	@$(MAKE) gate
	@$(call run_tests,.build)

.PHONY: gate
gate: ## fail on the first allocation of the hot path in steady state
	@Scripts/quietly $(SWIFT) build -c release --product AllocationGate
	@.build/release/AllocationGate

.PHONY: lint
lint: ## formatting, links, words and lengths
	@$(SWIFT) format lint --strict --parallel --recursive $(OUR_SWIFT)
	@Scripts/lint

.PHONY: format
format: ## format our Swift files in place
	@$(SWIFT) format --in-place --parallel --recursive $(OUR_SWIFT)

.PHONY: tsan
tsan: ## state machines and codecs under the thread sanitizer
	@Scripts/deps test
	@Scripts/quietly $(SWIFT) build --build-tests --sanitize thread --scratch-path .build-tsan
	@Scripts/run-tests .build-tsan/tests.log $(SWIFT) test --skip-build --sanitize thread --scratch-path .build-tsan --filter '$(TSAN_SUITES)'

.PHONY: asan
asan: ## all tests under the address sanitizer
	@Scripts/deps test
	@Scripts/quietly $(SWIFT) build --build-tests --sanitize address --scratch-path .build-asan
	@$(call run_tests,.build-asan)

ifneq ($(wildcard Benchmarks/run),)
.PHONY: bench
bench: build ## throughput and latency beside yardsticks of our own; needs KAFKA_HOME
	@Scripts/deps bench
	@Scripts/quietly $(SWIFT) build -c release --product PlanBench
	@Benchmarks/run
endif

ifneq ($(wildcard Scripts/fuzz),)
.PHONY: fuzz
fuzz: deps ## fuzz the envelope and the routes (SECONDS_TO_RUN=60)
	@Scripts/fuzz
endif

ifneq ($(wildcard Scripts/torture),)
.PHONY: torture
torture: build ## hours of kills and restarts; needs KAFKA_HOME
	@Scripts/deps test
	@Scripts/torture
endif

.PHONY: clean
clean: ## remove what was built
	@rm -rf .build .build-tsan .build-asan .build-fuzz
