# `make` alone prints this help. `make demo` and `make test` each prepare everything they need.
.DEFAULT_GOAL := help
.PHONY: help setup dev demo test lint types docs messages bench crash simulation locks image image-check
BIN := .venv/bin
N ?= 200
# The demo keeps its clips in the checkout, so that it runs where the home directory cannot be written.
DEMO_DATA_DIR ?= $(CURDIR)/reelbot-data

help:  ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make .venv so that .venv/bin/reelbot exists
	@tools/prepare.sh runtime

dev:
	@tools/prepare.sh dev

demo: setup  ## render a sample clip, then serve the studio (ONCE=1: stop after it; EMULATE=wavespeed|eachlabs)
	@REELBOT_DATA_DIR="$${REELBOT_DATA_DIR:-$(DEMO_DATA_DIR)}" $(BIN)/reelbot demo $(if $(ONCE),--once) $(if $(EMULATE),--emulate $(EMULATE))

test: dev  ## lint, import contracts, types and every test (ARGS=… for pytest)
	@tests/run.sh $(ARGS)

lint: dev  ## ruff (rules and format) and the import contracts
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-logo

types: dev  ## mypy, strict
	@$(BIN)/mypy

docs: dev  ## write the generated pages: settings, errors, commands, diagrams, .env.example
	@$(BIN)/python -m tools.generate_docs

messages: dev  ## collect what is said to people into the catalogues of languages, and name what is not translated
	@$(BIN)/python -m tools.messages

bench: dev  ## measure the numbers we claim
	@$(BIN)/python -m benchmarks

crash: dev  ## kill it everywhere and count charges and posts (N=200 random kills), then break it on purpose
	@$(BIN)/python -m tests.crash.soak $(N)

simulation: dev  ## 100,000 jobs over 50 workers on a virtual clock, with everything going wrong (JOBS=… SEED=…)
	@$(BIN)/python -m tests.simulation $(or $(JOBS),100000) --workers 50 --seed $(or $(SEED),7)

locks: dev  ## compile requirements/*.txt from pyproject.toml (UPGRADE=1 moves the pins)
	@UPGRADE=$(UPGRADE) tools/locks.sh

image:  ## build the container image reelbot:dev
	docker build --tag reelbot:dev \
		--build-arg VERSION="$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' bot/__init__.py)" \
		--build-arg REVISION="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" .

image-check: setup  ## replay the Dockerfile without a container engine, and use what it builds (PYTHON=python3.13)
	@$(or $(PYTHON),$(BIN)/python) -m tools.replay_image
