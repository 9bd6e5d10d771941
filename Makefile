# Everything a person or CI does with this project. `make help` lists it; each target does its own set-up first, which takes
# a moment when there is nothing to do.

SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests run stop status logs stack test test-unit test-integration fuzz simulate check audit fmt clean distclean bench bench-quick bench-compare capacity

# what setup chose: the machine's own Node where it will do, else .toolchain/node
export PATH := $(CURDIR)/.toolchain/bin:$(CURDIR)/node_modules/.bin:$(PATH)

# one at a time: a second make waits for the first one's set-up
SETUP := mkdir -p .toolchain && flock .toolchain/lock sh -c 'sh deploy/local/setup/node.sh && node deploy/local/setup/setup.ts $$0 $$@'

SERVICE_TESTS := integration faults browser security
INTEGRATION_TESTS = $(shell find $(wildcard $(foreach d,$(SERVICE_TESTS),test/$(d))) -name '*.test.ts' | sort)
WITH_STACK := node test/integration/harness/with-stack.ts --
COVERAGE_PERCENT := 85
REPORT := node deploy/ci/tap-report.ts

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

run: setup ## Start the whole service on this machine, with its own telemetry; Ctrl-C stops it
	@exec node deploy/local/run.ts

stop: setup ## Stop what make run or make stack started, also after a crash
	@node deploy/local/stack.ts down

status: setup ## Say what runs, with pids and ports
	@node deploy/local/stack.ts status

logs: setup ## Follow all logs, or one of them: make logs S=edge
	@exec node deploy/local/logs.ts $(S)

stack: setup ## Start only Kafka, schema registry, Redis and PostgreSQL, in the background
	@node deploy/local/stack.ts up

test: setup-tests check ## Everything CI checks: make check, all tests, coverage of 85 % of lines and branches
	@rm -rf .tap/coverage .tap/processinfo; mkdir -p .tap
	@$(WITH_STACK) tap --reporter=tap --coverage-report=none test/unit.ts $(INTEGRATION_TESTS) | tee .tap/all.tap | $(REPORT)
	@c8 report --temp-directory .tap/coverage --reporter=text --check-coverage --lines $(COVERAGE_PERCENT) --branches $(COVERAGE_PERCENT)

test-unit: setup ## The tests that need no service: seconds (make test tries twelve times as many random cases)
	@MDS_PROPERTY_CASES=$${MDS_PROPERTY_CASES:-1000} node test/unit.ts | $(REPORT)

test-integration: setup-tests ## The tests that run on the real stack
	@$(WITH_STACK) tap --reporter=tap --disable-coverage $(INTEGRATION_TESTS) | $(REPORT)

test-faults: setup ## Break every part of the service in 25 min; one only: make test-faults ONLY=R4; the same again: SEED=123
	@ONLY='$(ONLY)' SEED='$(SEED)' SHORT='$(SHORT)' WRITE='$(WRITE)' node test/faults/main.ts

fuzz: setup ## Random and damaged input for every reader of foreign bytes, for SECONDS=60; what fails is kept as a test
	@node test/fuzz/fuzz.ts $(or $(SECONDS),60) $(TARGETS)

simulate: setup ## Seeds of the simulation, from SEED on: make simulate SEEDS=1000 SEED=1 (TRACE=all shows everything of one)
	@node test/simulation/simulate.ts $(or $(SEED),$(shell od -An -N3 -tu4 /dev/urandom)) $(or $(SEEDS),1000)

check: setup ## Types, lint and format, import directions, dead code, generated pages up to date
	@tsc --noEmit -p .
	@biome ci .
	@depcruise --config .dependency-cruiser.cjs $(wildcard schemas platform workers control-plane client deploy bench test)
	@knip
	@node docs/generate-configuration.ts --check
	@node docs/generate-api.ts --check
	@node docs/generate-licences.ts --check

bench: setup ## Measure this machine, with a report of charts, in 15 min; one suite only: make bench SUITE=kernel
	@node bench/main.ts $(SUITE)

bench-quick: setup ## The same with fewer points, in 4 min
	@node bench/main.ts --quick $(SUITE)

bench-compare: setup ## Two bench results side by side: make bench-compare A=one/result.json B=other/result.json [HTML=file]
	@node bench/compare/main.ts $(A) $(B) $(if $(HTML),--html $(HTML))

capacity: setup ## What a target needs, from measured costs: make capacity EVENTS=2000000 SUBSCRIBERS=1000 MATCHES=0.1
	@node bench/capacity/main.ts --events '$(EVENTS)' --subscribers '$(SUBSCRIBERS)' --matches '$(MATCHES)' $(if $(FANOUT),--fanout $(FANOUT)) $(if $(EVENT_BYTES),--event-bytes $(EVENT_BYTES)) $(if $(RESULT),--result $(RESULT))

audit: setup ## What the package registry knows of weaknesses in our packages, where it answers
	@node deploy/ci/audit-report.ts

fmt: setup ## Format, and fix what can be fixed
	@biome check --write .

setup: ## Get all that is needed: Node, packages, Kafka, schema registry (the other targets do this)
	@$(SETUP)

# tap is made anew without its TypeScript plugin (.taprc): the first run after npm ci would still have it, and fail
setup-tests:
	@$(SETUP) --for-tests
	@[ .tap/built -nt .taprc -a .tap/built -nt node_modules/.package-lock.json ] || { tap build >/dev/null; touch .tap/built; }

clean: ## Stop everything; remove data, logs and what was built
	@if [ -x .toolchain/bin/node ]; then node deploy/local/clean.ts; fi
	@rm -rf .tap coverage client/page/dist

distclean: clean ## Also remove node_modules and .toolchain, as after git clone
	@rm -rf node_modules .toolchain
