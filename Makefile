# ReClothes. `make help` lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
TOOLS := $(BIN)/python -W ignore -m tools
RUN_OPTIONS ?=
TEST_WORKERS ?= 2

.PHONY: help setup run demo box status stop mail test test-unit test-changed test-full lint contracts events fmt types lifecycles stories bench lock audit clean \
  infra-lock infra-setup checkov-setup infra infra-test infra-costs \
  images push-images demo-images helm-render helm-lint \
  docs sdk gateway-documents compatibility migrations jenkins-lint sbom secrets changed-images push-changed-images \
  registry-login deploy smoke smoke-here kops pipeline release

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-19s %s\n", $$1, $$2}'

setup: ## create .venv from the lock file (done by all other targets when needed)
	@$(PYTHON) tools/local_platform/bootstrap.py

run: setup ## start the whole platform; WAF=1 adds a web application firewall, RUN_OPTIONS="--help" lists options
	@exec $(BIN)/reclothes run $(if $(filter 1,$(WAF)),--waf) $(RUN_OPTIONS)

demo: setup ## donate, sell and deliver a coat through both gateways of the running platform
	@$(BIN)/reclothes demo

box: setup ## act as the box controller of a location; LOCATION=Rossio
	@$(BIN)/reclothes box --location "$(or $(LOCATION),Rossio)"

status: setup ## show the state and the memory of every process
	@$(BIN)/reclothes status

stop: setup ## stop the platform that runs in another shell
	@$(BIN)/reclothes stop

mail: setup ## show the mails that the platform sent
	@$(BIN)/reclothes mail

PYTEST := $(BIN)/pytest -n $(TEST_WORKERS) --dist loadscope
# With REPORTS=folder: JUnit of each run, and the coverage of `test` and `test-full` together.
REPORT_OPTIONS = $(if $(REPORTS),--junit-xml=$(REPORTS)/$@.xml --cov --cov-append --cov-report=)

test: setup ## run the tests for every change, on the embedded stores; REPORTS=folder writes JUnit and coverage
	@$(if $(REPORTS),mkdir -p $(REPORTS) && $(BIN)/coverage erase,:)
	$(PYTEST) -m "not full" $(REPORT_OPTIONS)

test-unit: setup ## run only the unit tests, which need no server
	$(PYTEST) -q tests/unit

test-changed: setup ## run the tests affected by changes since SINCE (default: main); LIST=1 only lists them
	@$(BIN)/python -m tests.support.changed $(SINCE_OPTION) $(if $(LIST),--list)

test-full: setup ## run all other tests: MariaDB and Redis (installed if root on Debian), races, attacks, images
	@$(BIN)/python -m tools.local_platform.real_servers
	$(PYTEST) -m full $(REPORT_OPTIONS)
	@$(if $(REPORTS),$(BIN)/coverage xml -q -o $(REPORTS)/coverage.xml && $(BIN)/coverage report --include='$(DOMAIN)' --fail-under=90,:)

# The domain modules of the services, for the coverage threshold.
DOMAIN := $(shell ls services/*/*.py services/*/*/*.py 2>/dev/null | grep -vE '/(__init__|app|api|demo|settings|registry)\.py$$|/(migrations|demo)/' | paste -sd, -)

lint: setup contracts ## ruff, import rules, contract lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

contracts: setup ## lint the OpenAPI contracts
	@cd openapi && PATH="$(CURDIR)/$(BIN):$$PATH" sh -c '[ -d node_modules ] || npm ci --silent --no-audit --no-fund; \
	  node_modules/.bin/spectral lint --quiet --ruleset .spectral.yaml auth.yaml customer.yaml shopping.yaml billing.yaml admin.yaml locker.yaml asyncapi.yaml'

events: setup ## generate event_types.py and asyncapi.yaml from openapi/events/ and the event handlers
	@$(BIN)/python -m tools.events

fmt: setup ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## check the types (mypy strict)
	$(BIN)/mypy

lifecycles: setup ## draw the state machines of the code into docs/lifecycles.md
	@$(BIN)/python -m tools.documentation.lifecycles

stories: setup ## list the user stories with the results of the last test run
	@$(BIN)/reclothes stories

bench: setup ## run the benchmarks, which compare measurements of one run
	@$(BIN)/python -m tests.bench.prerequisites
	$(BIN)/python -m tests.bench.bench_chassis
	$(BIN)/python -m tests.bench.bench_gateway
	$(BIN)/python -m tests.bench.bench_waf
	$(BIN)/python -m tests.bench.bench_buying

# Excluded: rfc3987-syntax delays the start of each process that imports jsonschema by 1.5 s. It is an optional
# dependency of jsonschema that cyclonedx-bom requests.
EXCLUDED_PACKAGES = --no-emit-package rfc3987-syntax --no-emit-package lark

lock: setup ## update requirements.lock from setup.cfg
	$(BIN)/uv pip compile setup.cfg tools/local_platform/build-requirements.in --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --quiet $(EXCLUDED_PACKAGES) --output-file requirements.lock
	$(BIN)/python -m tools.images.locks

SERVICE_OPTION = $(if $(SERVICE),--service $(SERVICE))

images: setup ## build the images as root, without a Docker engine; SERVICE=auth, FRESH=1 without cache, REFRESH=1 for new Debian packages
	@$(TOOLS).images build $(SERVICE_OPTION) $(if $(filter 1,$(FRESH)),--fresh) $(if $(filter 1,$(REFRESH)),--refresh-base)

push-images: setup ## push the images to REGISTRY=host:port; TAG=… (default: the commit), SERVICE=auth
	@$(TOOLS).images push $(SERVICE_OPTION) --registry "$(or $(REGISTRY),$(error pass REGISTRY=host:port))" $(if $(TAG),--tag $(TAG))

demo-images: images ## run the demo on a platform that runs from the images, through a registry on this machine
	@$(TOOLS).images demo

helm-render: setup ## write the manifests of releases to build/helm; ENV=dev SERVICE=auth TAG=…
	@$(TOOLS).deployment render $(SERVICE_OPTION) $(if $(ENV),--env $(ENV)) $(if $(TAG),--tag $(TAG))

helm-lint: setup checkov-setup ## lint the chart with all values, and scan the rendered manifests
	@$(TOOLS).deployment lint
	@$(TOOLS).deployment render >/dev/null
	@.venv-checkov/bin/checkov --config-file helm/checkov.yaml --directory build/helm

audit: setup ## look up known vulnerabilities of the locked packages (needs PyPI)
	@$(TOOLS).checks vulnerabilities

INFRA := .venv-infra/bin

infra-lock: setup ## update the lock files of the infrastructure tools (infra/*.in)
	@for tools in requirements checkov; do echo "Locking infra/$$tools.in …"; $(BIN)/uv pip compile infra/$$tools.in --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --quiet --output-file infra/$$tools.lock || exit 1; done

infra-setup: ## create .venv-infra with the infrastructure tools (AWS CDK, cfn-lint, cdk-nag)
	@$(PYTHON) tools/local_platform/bootstrap.py --venv .venv-infra --lock infra/requirements.lock --no-own

checkov-setup: ## create .venv-checkov; separate, since checkov requires an old boto3
	@$(PYTHON) tools/local_platform/bootstrap.py --venv .venv-checkov --lock infra/checkov.lock --no-own

infra: setup infra-setup ## write the templates of all environments and the network diagram
	@$(BIN)/python -m infra.inputs infra/out/inputs
	@$(INFRA)/python -m infra.synth
	@$(INFRA)/python -m infra.picture

infra-test: infra checkov-setup ## lint the templates, and verify the reachability in the network
	$(INFRA)/python -m infra.lint
	$(INFRA)/pytest -o addopts= infra/tests

infra-costs: infra ## update docs/costs.md, the monthly costs of each environment
	@$(INFRA)/python -m infra.costs

# From a commit to a release: see docs/delivery.md.
SINCE_OPTION = $(if $(SINCE),--since $(SINCE))

docs: setup ## build the documentation of gateways, events and guides in build/docs
	@$(TOOLS).publishing docs

sdk: setup ## build the Python and TypeScript SDKs of both gateways in build/sdk
	@$(TOOLS).publishing sdk

gateway-documents: setup ## write the import documents of Amazon API Gateway to build/gateways
	@mkdir -p build/gateways
	@for gateway in external internal; do $(TOOLS).gateway amazon $$gateway build/gateways/$$gateway.json \
	  --stage-settings build/gateways/$$gateway-stage.json || exit 1; echo build/gateways/$$gateway.json; done

compatibility: setup ## list breaking changes of contracts and events since the last release or SINCE=commit
	@$(TOOLS).checks compatibility $(SINCE_OPTION)

migrations: setup ## check new migrations against the code of the last release or SINCE=commit
	@$(TOOLS).checks migrations $(SINCE_OPTION)

jenkins-lint: setup ## lint the Jenkinsfile; installs Java if root on Debian
	@$(TOOLS).checks jenkinsfile

sbom: setup ## write the software bill of materials (CycloneDX) to build/sbom.cdx.json
	@mkdir -p build && $(BIN)/cyclonedx-py requirements requirements.lock --output-reproducible --of JSON -o build/sbom.cdx.json
	@echo build/sbom.cdx.json

secrets: setup ## search the files that git tracks for secrets
	@$(TOOLS).checks secrets

changed-images: setup ## build the images whose inputs have changed since SINCE (default: all)
	@$(TOOLS).images build $(SINCE_OPTION)

push-changed-images: setup ## push the changed images to REGISTRY, each tagged with the commit of its inputs
	@$(TOOLS).images push $(SINCE_OPTION) --tag-by-inputs --registry "$(or $(REGISTRY),$(error pass REGISTRY=host:port))"

registry-login: ## log in to REGISTRY with REGISTRY_USER and REGISTRY_PASSWORD of the environment
	@printf %s "$$REGISTRY_PASSWORD" | buildah login --username "$$REGISTRY_USER" --password-stdin "$(or $(REGISTRY),$(error pass REGISTRY=host))"

deploy: setup ## deploy the newest images to ENV; SERVICE=auth, URL=gateway for a smoke test, PROMETHEUS=url, RENDERED=folder
	@$(TOOLS).deployment deploy $(or $(ENV),$(error pass ENV=dev, staging or prod)) $(if $(SERVICE),--service $(SERVICE)) $(if $(RENDERED),--rendered $(RENDERED)) \
	  $(if $(URL),--smoke "$(MAKE) --no-print-directory smoke URL=$(URL)") $(if $(PROMETHEUS),--prometheus $(PROMETHEUS)) $(if $(HELM),--helm $(HELM))

smoke: setup ## run the smoke test against the platform at URL; CA=file, INTERNAL_URL=…, SMOKE_USER and SMOKE_PASSWORD
	@$(TOOLS).deployment smoke $(or $(URL),$(error pass URL=https://…)) $(if $(CA),--ca-file $(CA)) $(if $(INTERNAL_URL),--internal-url $(INTERNAL_URL))

smoke-here: setup ## run the smoke test against a temporary platform on this machine
	@$(TOOLS).deployment smoke-here

kops: setup ## write the kOps manifests of the clusters of ENV to build/kops; OUTPUTS=file of the infrastructure
	@$(TOOLS).deployment clusters $(or $(ENV),$(error pass ENV=dev, staging or prod)) $(if $(OUTPUTS),--outputs $(OUTPUTS))

pipeline: setup ## run the stages of the Jenkinsfile on this machine; ONLY=lint,docs SKIP=test KEEP_GOING=1 LIST=1
	@$(TOOLS).release pipeline --only "$(ONLY)" --skip "$(SKIP)" $(if $(KEEP_GOING),--keep-going) $(if $(LIST),--list) $(if $(REGISTRY),--registry $(REGISTRY))

release: setup ## show the release VERSION=1.2.3; CONFIRM=1 commits and tags it
	@$(TOOLS).release release $(or $(VERSION),$(error pass VERSION=1.2.3)) $(if $(filter 1,$(CONFIRM)),--confirm)

clean: ## remove generated files (not .run, which contains data)
	rm -rf .venv .venv-infra .venv-checkov build infra/out openapi/node_modules tools/npm/*/node_modules .mypy_cache .ruff_cache .pytest_cache .coverage
