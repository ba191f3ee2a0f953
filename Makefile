# ReClothes. `make help` lists what there is.
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

setup: ## make .venv from the lock file (all other targets do it by themselves)
	@$(PYTHON) tools/local_platform/bootstrap.py

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

PYTEST := $(BIN)/pytest -n $(TEST_WORKERS) --dist loadscope
# With REPORTS=folder: JUnit of each run, and the coverage of `test` and `test-full` together.
REPORT_OPTIONS = $(if $(REPORTS),--junit-xml=$(REPORTS)/$@.xml --cov --cov-append --cov-report=)

test: setup ## run the tests that every change needs, on the embedded stores; REPORTS=folder writes JUnit and coverage
	@$(if $(REPORTS),mkdir -p $(REPORTS) && $(BIN)/coverage erase,:)
	$(PYTEST) -m "not full" $(REPORT_OPTIONS)

test-unit: setup ## run only the tests of the rules, which need no server
	$(PYTEST) -q tests/unit

test-changed: setup ## run the tests of what has changed since SINCE (default: main), found through the imports; LIST=1 lists them
	@$(BIN)/python -m tests.support.changed $(SINCE_OPTION) $(if $(LIST),--list)

test-full: setup ## run all other tests: MariaDB and Redis (installed from Debian when it may), races, attacks, images
	@$(BIN)/python -m tools.local_platform.real_servers
	$(PYTEST) -m full $(REPORT_OPTIONS)
	@$(if $(REPORTS),$(BIN)/coverage xml -q -o $(REPORTS)/coverage.xml && $(BIN)/coverage report --include='$(DOMAIN)' --fail-under=90,:)

# The domain modules: what is left of a service without its edges.
DOMAIN := $(shell ls services/*/*.py 2>/dev/null | grep -vE '/(__init__|app|demo|settings|registry)\.py$$' | paste -sd, -)

lint: setup contracts ## ruff, import rules, contract lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

contracts: setup ## lint the OpenAPI contracts (node comes with the virtual environment)
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

stories: setup ## which user stories have a passing test, from the last test run
	@$(BIN)/reclothes stories

bench: setup ## speed, as ratios measured side by side in one run
	@$(BIN)/python -m tests.bench.prerequisites
	$(BIN)/python -m tests.bench.bench_chassis
	$(BIN)/python -m tests.bench.bench_gateway
	$(BIN)/python -m tests.bench.bench_waf
	$(BIN)/python -m tests.bench.bench_buying

# Left out: rfc3987-syntax makes each process that imports jsonschema 1.5 s slower to start. cyclonedx-bom asks for
# it, by an extra of jsonschema that jsonschema does without.
UNWANTED = --no-emit-package rfc3987-syntax --no-emit-package lark

lock: setup ## write requirements.lock anew from setup.cfg
	$(BIN)/uv pip compile setup.cfg tools/local_platform/build-requirements.in --all-extras --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --quiet $(UNWANTED) --output-file requirements.lock
	$(BIN)/python -m tools.images.locks

SERVICE_OPTION = $(if $(SERVICE),--service $(SERVICE))

images: setup ## build the images without a Docker engine, as root; SERVICE=auth for one, FRESH=1 without the cache, REFRESH=1 with Debian's newest
	@$(TOOLS).images build $(SERVICE_OPTION) $(if $(filter 1,$(FRESH)),--fresh) $(if $(filter 1,$(REFRESH)),--refresh-base)

push-images: setup ## push the images to REGISTRY=host:port; TAG=… (default: the commit), SERVICE=auth for one
	@$(TOOLS).images push $(SERVICE_OPTION) --registry "$(or $(REGISTRY),$(error say where to: REGISTRY=host:port))" $(if $(TAG),--tag $(TAG))

demo-images: images ## play the demo on a platform that runs from the images, through a registry on this machine
	@$(TOOLS).images demo

helm-render: setup ## write what releases would send to build/helm; ENV=dev SERVICE=auth TAG=… for one
	@$(TOOLS).deployment render $(SERVICE_OPTION) $(if $(ENV),--env $(ENV)) $(if $(TAG),--tag $(TAG))

helm-lint: setup checkov-setup ## lint the chart with all values, and scan what it renders
	@$(TOOLS).deployment lint
	@$(TOOLS).deployment render >/dev/null
	@.venv-checkov/bin/checkov --config-file helm/checkov.yaml --directory build/helm

audit: setup ## look for known vulnerabilities in the locked packages (needs PyPI); fails for findings only
	@$(TOOLS).checks vulnerabilities

INFRA := .venv-infra/bin

infra-lock: setup ## write the locks of the cloud's tools anew (infra/*.in)
	@for tools in requirements checkov; do echo "Locking infra/$$tools.in …"; $(BIN)/uv pip compile infra/$$tools.in --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --quiet --output-file infra/$$tools.lock || exit 1; done

infra-setup: ## make .venv-infra, the tools of the cloud (AWS CDK, cfn-lint, cdk-nag)
	@$(PYTHON) tools/local_platform/bootstrap.py --venv .venv-infra --lock infra/requirements.lock --no-own

checkov-setup: ## make .venv-checkov, apart since checkov holds boto3 back
	@$(PYTHON) tools/local_platform/bootstrap.py --venv .venv-checkov --lock infra/checkov.lock --no-own

infra: setup infra-setup ## make the templates of all environments, and the picture of the network
	@$(BIN)/python -m infra.inputs infra/out/inputs
	@$(INFRA)/python -m infra.synth
	@$(INFRA)/python -m infra.picture

infra-test: infra checkov-setup ## lint the templates, and prove who can reach whom
	$(INFRA)/python -m infra.lint
	$(INFRA)/pytest -o addopts= infra/tests

infra-costs: infra ## write docs/costs.md anew: what each environment costs in a month
	@$(INFRA)/python -m infra.costs

# From a commit to a release: see docs/delivery.md.
SINCE_OPTION = $(if $(SINCE),--since $(SINCE))

docs: setup ## write the documentation of both gateways, the events and the guides to build/docs
	@$(TOOLS).publishing docs

sdk: setup ## make the Python and TypeScript SDKs of both gateways in build/sdk
	@$(TOOLS).publishing sdk

gateway-documents: setup ## write what Amazon API Gateway imports to build/gateways
	@mkdir -p build/gateways
	@for gateway in external internal; do $(TOOLS).gateway amazon $$gateway build/gateways/$$gateway.json \
	  --stage-settings build/gateways/$$gateway-stage.json || exit 1; echo build/gateways/$$gateway.json; done

compatibility: setup ## what contracts and events break for callers of the last release; SINCE=commit for another one
	@$(TOOLS).checks compatibility $(SINCE_OPTION)

migrations: setup ## whether the last release survives the new migrations; SINCE=commit for another one
	@$(TOOLS).checks migrations $(SINCE_OPTION)

jenkins-lint: setup ## lint the Jenkinsfile; installs Java from Debian when it may
	@$(TOOLS).checks jenkinsfile

sbom: setup ## list all locked packages as CycloneDX in build/sbom.cdx.json
	@mkdir -p build && $(BIN)/cyclonedx-py requirements requirements.lock --output-reproducible --of JSON -o build/sbom.cdx.json
	@echo build/sbom.cdx.json

secrets: setup ## look for secrets in what git tracks
	@$(TOOLS).checks secrets

changed-images: setup ## build the images of services whose inputs have changed since SINCE (default: all)
	@$(TOOLS).images build $(SINCE_OPTION)

push-changed-images: setup ## push them to REGISTRY, each under the commit it is of
	@$(TOOLS).images push $(SINCE_OPTION) --tag-by-inputs --registry "$(or $(REGISTRY),$(error say where to: REGISTRY=host:port))"

registry-login: ## log in to REGISTRY with REGISTRY_USER and REGISTRY_PASSWORD of the environment
	@printf %s "$$REGISTRY_PASSWORD" | buildah login --username "$$REGISTRY_USER" --password-stdin "$(or $(REGISTRY),$(error say where: REGISTRY=host))"

deploy: setup ## bring ENV to the newest images; SERVICE=one of them, URL=gateway for a smoke test, PROMETHEUS=url, RENDERED=folder
	@$(TOOLS).deployment deploy $(or $(ENV),$(error say where to: ENV=dev)) $(if $(SERVICE),--service $(SERVICE)) $(if $(RENDERED),--rendered $(RENDERED)) \
	  $(if $(URL),--smoke "$(MAKE) --no-print-directory smoke URL=$(URL)") $(if $(PROMETHEUS),--prometheus $(PROMETHEUS)) $(if $(HELM),--helm $(HELM))

smoke: setup ## ask the platform at URL real things; CA=file, INTERNAL_URL=…, SMOKE_USER and SMOKE_PASSWORD in the environment
	@$(TOOLS).deployment smoke $(or $(URL),$(error say whom: URL=https://…)) $(if $(CA),--ca-file $(CA)) $(if $(INTERNAL_URL),--internal-url $(INTERNAL_URL))

smoke-here: setup ## the smoke test against a platform that it starts for that
	@$(TOOLS).deployment smoke-here

kops: setup ## write the clusters of ENV for kOps to build/kops; OUTPUTS=file of the infrastructure
	@$(TOOLS).deployment clusters $(or $(ENV),$(error say of what: ENV=dev)) $(if $(OUTPUTS),--outputs $(OUTPUTS))

pipeline: setup ## run what Jenkins runs, once, here; ONLY=lint,docs SKIP=test KEEP_GOING=1 LIST=1
	@$(TOOLS).release pipeline --only "$(ONLY)" --skip "$(SKIP)" $(if $(KEEP_GOING),--keep-going) $(if $(LIST),--list) $(if $(REGISTRY),--registry $(REGISTRY))

release: setup ## show what the release VERSION=1.2.3 would be; CONFIRM=1 commits and tags it
	@$(TOOLS).release release $(or $(VERSION),$(error say which: VERSION=1.2.3)) $(if $(filter 1,$(CONFIRM)),--confirm)

clean: ## remove what can be made again (not .run, which holds data)
	rm -rf .venv .venv-infra .venv-checkov build infra/out openapi/node_modules tools/npm/*/node_modules .mypy_cache .ruff_cache .pytest_cache .coverage
