# Everything a person or CI does with this project. `make help` lists it; each target does its own set-up.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run stop status logs stack stack-down test test-unit test-integration check fmt clean distclean

export PATH := $(CURDIR)/.toolchain/bin:$(PATH)
TSC := node_modules/.bin/tsc
TAP := node_modules/.bin/tap

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Get everything this project needs (Node, packages, Kafka, registry); does nothing when it is all there
	@sh deploy/local/setup/node.sh && node deploy/local/setup/setup.ts

run: setup ## Start the whole service on this machine and show its own telemetry live; Ctrl-C stops it
	@exec node deploy/local/run.ts

stop: setup ## Stop what `make run` or `make stack` started, also after a crash
	@node deploy/local/stack.ts down

status: setup ## Say what runs, with pids and ports
	@node deploy/local/stack.ts status

logs: setup ## Follow all logs; one with S=edge
	@exec node deploy/local/logs.ts $(S)

stack: setup ## Start only Kafka, schema registry, Redis and PostgreSQL, in the background
	@node deploy/local/stack.ts up

check: setup ## Types, lint and format, import directions, dead code
	@$(TSC) --noEmit -p .
	@node_modules/.bin/biome ci .
	@node_modules/.bin/depcruise --config .dependency-cruiser.cjs schemas platform workers control-plane client deploy test
	@node_modules/.bin/knip

fmt: setup ## Format and fix what can be fixed
	@node_modules/.bin/biome check --write .

