# ReClothes. `make help` lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
RUN_OPTIONS ?=

.PHONY: help setup run demo box status stop mail test lint contracts fmt types stories bench lock audit clean \
  infra-lock infra-setup checkov-setup infra infra-test infra-costs

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

setup: ## make .venv from the lock file (all other targets do it by themselves)
	@$(PYTHON) libs/runner/bootstrap.py

run: setup ## start the whole platform; RUN_OPTIONS="--help" lists options, WAF=1 puts a firewall in front
	@exec $(BIN)/reclothes run $(if $(filter 1,$(WAF)),--waf) $(RUN_OPTIONS)

demo: setup ## play a donation and its sale through both gateways of the running platform
	@$(BIN)/reclothes demo

box: setup ## be the box controller of a location; LOCATION=Rossio says which
	@$(BIN)/reclothes box --location "$(or $(LOCATION),Rossio)"

status: setup ## say what is up and how much memory it takes
	@$(BIN)/reclothes status

stop: setup ## stop the platform that runs in another shell
	@$(BIN)/reclothes stop

mail: setup ## show the mails that the platform sent
	@$(BIN)/reclothes mail

test: setup ## run all tests; installs MariaDB and Redis from Debian when it may
	@$(BIN)/python -m libs.runner.test_servers
	@$(BIN)/coverage erase
	$(BIN)/pytest --cov --cov-report=term:skip-covered
	$(BIN)/coverage report --include='$(DOMAIN)' --fail-under=90

# The domain modules: what is left of a service without its edges.
DOMAIN := $(shell ls services/*/*.py 2>/dev/null | grep -vE '/(__init__|app|demo|settings|registry)\.py$$' | paste -sd, -)

lint: setup contracts ## ruff, import rules, contract lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

contracts: setup ## lint the OpenAPI contracts (node comes with the virtual environment)
	@cd openapi && PATH="$(CURDIR)/$(BIN):$$PATH" sh -c '[ -d node_modules ] || npm ci --silent --no-audit --no-fund; \
	  node_modules/.bin/spectral lint --quiet --ruleset .spectral.yaml auth.yaml customer.yaml shopping.yaml billing.yaml admin.yaml locker.yaml asyncapi.yaml'

fmt: setup ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## check the types (mypy strict)
	$(BIN)/mypy

stories: setup ## which user stories have a passing test, from the last test run
	@$(BIN)/reclothes stories

bench: setup ## speed, as ratios measured side by side in one run
	$(BIN)/python -m tests.bench.bench_chassis
	$(BIN)/python -m tests.bench.bench_gateway
	$(BIN)/python -m tests.bench.bench_waf

lock: setup ## write requirements.lock anew from setup.cfg
	$(BIN)/uv pip compile setup.cfg libs/runner/build-requirements.in --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --quiet --output-file requirements.lock

audit: setup ## look for known vulnerabilities in the locked packages
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock

INFRA := .venv-infra/bin

infra-lock: setup ## write the locks of the cloud's tools anew (infra/*.in)
	@for tools in requirements checkov; do echo "Locking infra/$$tools.in …"; $(BIN)/uv pip compile infra/$$tools.in --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --quiet --output-file infra/$$tools.lock || exit 1; done

infra-setup: ## make .venv-infra, the tools of the cloud (AWS CDK, cfn-lint, cdk-nag)
	@$(PYTHON) libs/runner/bootstrap.py --venv .venv-infra --lock infra/requirements.lock --no-own

checkov-setup: ## make .venv-checkov, apart since checkov holds boto3 back
	@$(PYTHON) libs/runner/bootstrap.py --venv .venv-checkov --lock infra/checkov.lock --no-own

infra: setup infra-setup ## make the templates of all environments, and the picture of the network
	@$(BIN)/python -m infra.inputs infra/out/inputs
	@$(INFRA)/python -m infra.synth
	@$(INFRA)/python -m infra.picture

infra-test: infra checkov-setup ## lint the templates, and prove who can reach whom
	$(INFRA)/python -m infra.lint
	$(INFRA)/pytest infra/tests

infra-costs: infra ## write docs/costs.md anew: what each environment costs in a month
	@$(INFRA)/python -m infra.costs

clean: ## remove what can be made again (not .run, which holds data)
	rm -rf .venv .venv-infra .venv-checkov infra/out openapi/node_modules .mypy_cache .ruff_cache .pytest_cache .coverage
