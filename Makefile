# Every command a person needs. `make` alone lists them; ARGS="…" is passed on.
.DEFAULT_GOAL := help
.PHONY: help demo up test test-long test-hosts test-api test-postgres test-web fuzz bench chaos overload check fmt build pages clean-data

# One build for everything: the same packages and profile, so that nothing is compiled twice.
LOCAL = $${CARGO_TARGET_DIR:-target}/debug/local

# What must hold on every PostgreSQL: the schema, its rights, and the way of the events into it and out again. What is left
# out brings a PostgreSQL along or has nothing to do with it.
POSTGRES_TESTS = --test database --test pipeline -- $(addprefix --skip ,monitoring:: outages:: secrets::)
# Those of local/postgres.
POSTGRES_MAJORS = 15 16 17 18

# What the broker that ARGS names needs beyond the rest.
BROKER_NEEDS = $(if $(findstring apache,$(ARGS)),kafka)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## the whole stack with a real sample in it, until Ctrl-C (ARGS=--once: check it and end; ARGS="--broker apache")
	@scripts/setup build postgres node $(BROKER_NEEDS)
	@$(MAKE) --no-print-directory build pages
	@$(LOCAL) demo $(ARGS)

up: ## the whole stack without the sample, until Ctrl-C; its addresses are in .local/stack.env
	@scripts/setup build postgres node $(BROKER_NEEDS)
	@$(MAKE) --no-print-directory build pages
	@$(LOCAL) up $(ARGS)

test: ## every test, against a real PostgreSQL, Apache Kafka and browser (ARGS="-p PACKAGE NAME": some of the Rust ones)
	@scripts/setup build postgres pgbouncer kafka prometheus $(if $(ARGS),,tools node browser)
	cargo build --workspace --all-targets
	@$(if $(ARGS),,$(MAKE) --no-print-directory pages test-web test-api)
	@$(LOCAL) test $(ARGS)
	@$(if $(ARGS),,$(MAKE) --no-print-directory test-postgres MAJORS=$(lastword $(POSTGRES_MAJORS)))

test-postgres: ## schema, rights, writes and reads on PostgreSQL 15 to 18, from npm (MAJORS="16 17": on those)
	@scripts/setup build node kafka
	cargo build --workspace --bins
	@for major in $(or $(MAJORS),$(POSTGRES_MAJORS)); do \
		$(LOCAL) test --postgres $$major $(POSTGRES_TESTS) || exit; \
	done

test-web: pages ## the tests of web/: on their own, then in Chromium against the whole stack
	@scripts/setup postgres node browser
	cd web && ../scripts/with-node npm test
	$(LOCAL) with -- scripts/with-node npm --prefix web run e2e

test-long: ## what is too slow for `make test`, the suites of LONG_TESTS (LONG_TESTS=NAME: that one)
	@for suite in $(LONG_TESTS); do \
		echo "test-long: $$suite"; $(MAKE) --no-print-directory $$suite || exit; \
	done

# The suites of test-long, with the minutes that each takes on two cores:
#   test-hosts     2   the packed SDK in fresh Vite, Next, Jest and Vitest projects and plain pages
#   test-postgres  3   PostgreSQL 15 to 18
LONG_TESTS ?= test-hosts test-postgres

test-hosts: pages ## the packed SDK in fresh applications, installed from the npm registry, built and run in Chromium
	@scripts/setup node browser
	cd web && ../scripts/with-node npm run hosts

test-api: ## Schemathesis: requests from the API's own description against the stack (ARGS="--max-examples 2000 --seed 7")
	@scripts/setup build postgres tools
	cargo build --workspace --bins
	$(LOCAL) with -- scripts/schemathesis $(ARGS)

fuzz: ## a million hostile inputs for each decoder and encoder, an hour or so (ARGS=decoder: those of that name; CASES=…)
	@scripts/setup build
	PROPTEST_CASES=$(or $(CASES),1000000) cargo test --workspace --lib $(or $(ARGS),fuzz::) -- --nocapture

bench: ## every figure beside its limit, into docs/benchmarks.md, about half an hour (ARGS="--only write --rounds 3": a part)
	@scripts/setup build postgres kafka
	cargo build --release --workspace --bins
	@$${CARGO_TARGET_DIR:-target}/release/bench $(ARGS)

chaos: ## break random parts under load and look what is left (ARGS="--faults 200 --seed 7", --nodes 3)
	@scripts/setup build postgres kafka
	@$(MAKE) --no-print-directory build
	@$(LOCAL) chaos $(ARGS)

overload: ## offer ten times what ingest can take for two minutes, then 2,000 large bodies, then a backlog to the consumer
	@scripts/setup build postgres kafka
	@$(MAKE) --no-print-directory build
	@$(LOCAL) overload $(ARGS)

check: ## formatting, lints, licences and sources of dependencies, known vulnerabilities
	@scripts/setup build tools node
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	scripts/cargo-deny check licenses sources bans
	@scripts/check-advisories
	@$(MAKE) --no-print-directory web/node_modules/.package-lock.json
	cd web && ../scripts/with-node npm run check

fmt: ## format the code
	cargo fmt --all

build: ## build all executables
	@scripts/setup build
	cargo build --workspace --bins

pages: web/demo/dist/index.html ## build the web pages that ingest serves

web/node_modules/.package-lock.json: web/package-lock.json
	cd web && ../scripts/with-node npm ci --no-audit --no-fund
	@touch $@

web/demo/dist/index.html: web/node_modules/.package-lock.json $(shell find web/sdk/src web/demo/src web/demo/*.html 2>/dev/null)
	cd web && ../scripts/with-node npm run build
	@touch $@

clean-data: ## remove the data that demo and up keep between runs
	@$(MAKE) --no-print-directory build
	@$(LOCAL) clean-data
