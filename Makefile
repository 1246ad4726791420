# The only entry: `make up` runs a registry, `make test` proves it. Needs Python 3.11 or newer and make.

PYTHON ?= python3
TEST_PROCESSES ?= 2
UV := .tools/bin/uv
RUN_EXTRAS := --extra workspace --extra postgres --extra s3 --extra docs
MKDOCS := NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict
OLD_CLIENTS := 3.0 2.22 2.16 2.11 skinny sdk-0.30 databricks-cli-0.18 unitycatalog-0.4 unitycatalog-0.7

# The machine's own Python is enough. Packages come from PyPI and npm alone.
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help

# The web UI is built from its sources and the API's description. Node comes from PyPI, pinned in uv.lock, in an environment of its own.
UI_NODE := .cache/node/bin
UI_SOURCES := $(shell find ui \( -path ui/node_modules -o -path ui/tests \) -prune -o -type f ! -name openapi.json ! -name generated.ts -print)
NPM := PATH="$(CURDIR)/$(UI_NODE):$$PATH" npm_config_loglevel=error npm -C

.PHONY: help up env test browser ui release test-release docs pictures site test-clients spark test-spark check deploy-lint deploy-check image-smoke fix bench lock clean
.SUFFIXES:

help:
	@echo "make up            run the registry in the foreground (MODELKEEP_PORT, MODELKEEP_DATA_DIR)"
	@echo 'eval "$$(make -s env)"   point this shell at it'
	@echo "make test          every test but the older clients'  (ARGS='-k alias' narrows)"
	@echo "make test-clients  the tests with older MLflow clients"
	@echo "make test-spark    the tests with Apache Spark and Java (a JDK and Maven; 1 GB of downloads)"
	@echo "make check         format, lint, types, imports        make fix: apply safe fixes"
	@echo "make deploy-check  the image's recipe, the compose file, the Helm chart, the systemd unit"
	@echo "make ui            build the web UI (make up and make test do it by themselves)"
	@echo "make site          build the documentation site in build/site"
	@echo "make release       wheel, sdist, SBOMs and checksums in dist/      make test-release: install and serve them"
	@echo "make bench         the speed table                     make clean: remove what make built"

up: .cache/run.stamp .cache/ui.stamp
	@exec .venv/bin/modelkeep serve

# Prints only the export lines, so that `eval` can run them.
env:
	@test -x .venv/bin/modelkeep || { echo "No server was ever started here: run 'make up' first." >&2; exit 1; }
	@exec .venv/bin/modelkeep env

test: .cache/dev.stamp .cache/provider.stamp .cache/ui.stamp browser
	.venv/bin/pytest -n $(TEST_PROCESSES) --dist loadfile --ignore tests/clients/old --ignore tests/release --ignore tests/spark $(ARGS)

# The browser of the page tests: Debian's own (CHROMIUM names another).
browser:
	@test -x "$${CHROMIUM:-/usr/bin/chromium}" || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
		apt-get install -y -qq --no-install-recommends chromium; } || echo "No chromium here: the page tests are skipped (CHROMIUM names one)."

test-clients: .cache/dev.stamp $(OLD_CLIENTS:%=.cache/clients/%.stamp)
	.venv/bin/pytest -n $(TEST_PROCESSES) tests/clients/old $(ARGS)

# Needs a JDK (17 or newer) and Maven. Spark comes from PyPI, Delta and the Java client of Unity Catalog from Maven Central.
spark: .cache/spark/venv.stamp .cache/spark/jars.stamp

test-spark: .cache/dev.stamp spark
	.venv/bin/pytest tests/spark $(ARGS)

check: .cache/dev.stamp .cache/ui.stamp
	@.venv/bin/python tools/commit_msg.py --install
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/pyright
	.venv/bin/lint-imports
	.venv/bin/python tools/house.py
	.venv/bin/python tools/reference.py --check
	$(MKDOCS)
	$(NPM) ui run --silent check
	@$(MAKE) --no-print-directory deploy-lint

# What is around the code: the image, the compose file, the chart's values, the code host's files. The linters come from PyPI.
DEPLOY := deploy/helm/modelkeep
SCHEMA := .venv/bin/check-jsonschema --quiet
deploy-lint: .cache/dev.stamp
	.venv/bin/hadolint Dockerfile
	$(SCHEMA) --builtin-schema vendor.compose-spec deploy/compose/compose.yaml
	$(SCHEMA) --check-metaschema $(DEPLOY)/values.schema.json
	$(SCHEMA) --schemafile $(DEPLOY)/values.schema.json $(DEPLOY)/values.yaml $(DEPLOY)/ci/*.yaml
	$(SCHEMA) --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(SCHEMA) --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml
	$(SCHEMA) --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(SCHEMA) --builtin-schema vendor.dependabot .github/dependabot.yml

# The same and more: what Helm renders, what the compose file runs, what systemd says. Helm and actionlint are Go modules: the first build takes minutes.
HELM_VERSION := v3.22.0
ACTIONLINT_VERSION := v1.7.12
deploy-check: deploy-lint
	@command -v helm >/dev/null || test -x .cache/go/bin/helm || ! command -v go >/dev/null || GOBIN="$(CURDIR)/.cache/go/bin" go install helm.sh/helm/v3/cmd/helm@$(HELM_VERSION)
	@test -x .cache/go/bin/actionlint || ! command -v go >/dev/null || GOBIN="$(CURDIR)/.cache/go/bin" go install github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT_VERSION)
	@test ! -x .cache/go/bin/actionlint || .cache/go/bin/actionlint
	.venv/bin/pytest -ra tests/deploy $(ARGS)

# Builds the image and runs it without a container engine, as root. ARGS=--stand-ins makes the base images here, without a registry.
image-smoke: .cache/node.stamp
	@command -v buildah >/dev/null && command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends buildah debootstrap; }
	$(PYTHON) tools/image_smoke.py $(ARGS)

fix: .cache/dev.stamp .cache/npm.stamp
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	$(NPM) ui run --silent format

ui: .cache/ui.stamp

# Wheel, sdist, SBOMs and checksums in dist/, built twice and compared.
release: .cache/dev.stamp .cache/ui.stamp
	.venv/bin/python tools/release.py

# Installs the wheel into a fresh environment of each Python on this machine, and serves. Debian's unstable suite has the newest Python.
test-release: release
	.venv/bin/python tools/debian_python.py 3.14
	.venv/bin/pytest -ra tests/release $(ARGS)

docs: .cache/dev.stamp
	.venv/bin/python tools/reference.py
	.venv/bin/python tools/limits.py

# The pictures of docs/images, by a real server and Chromium. Look at each of them before you commit it.
pictures: .cache/dev.stamp .cache/ui.stamp
	.venv/bin/python tools/pictures.py $(ARGS)

# The documentation site in build/site. Every warning is an error: dead links and anchors, pages without a place in the navigation.
site: .cache/dev.stamp ui/openapi.json
	$(MKDOCS)

bench: .cache/dev.stamp
	.venv/bin/python -m bench $(ARGS)

# Newer versions of everything, within the bounds of pyproject.toml and tests/clients/old/*.in.
lock: $(UV)
	$(UV) lock --upgrade
	for v in $(OLD_CLIENTS); do $(UV) pip compile --quiet --upgrade --universal --no-annotate --no-header \
		--python-version 3.11 tests/clients/old/$$v.in --output-file tests/clients/old/$$v.txt || exit 1; done

clean:
	rm -rf .venv .tools .cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build ui/node_modules src/modelkeep/web

# Stamps and tools that the targets above need.

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Modelkeep needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv==0.13.9

.cache/run.stamp: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --locked --inexact --python $(PYTHON) --no-default-groups $(RUN_EXTRAS)
	@mkdir -p .cache && touch $@

.cache/dev.stamp: pyproject.toml uv.lock | $(UV)
	$(UV) sync --quiet --locked --python $(PYTHON) --all-extras --all-groups --no-group ui
	@mkdir -p .cache && touch $@ .cache/run.stamp

# Apache Spark in an environment of its own, and jars that fit it.
.cache/spark/venv.stamp: tests/spark/requirements.txt | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .cache/spark/venv
	$(UV) pip install --quiet --python .cache/spark/venv/bin/python -r $<
	@touch $@

.cache/spark/jars.stamp: tests/spark/pom.xml
	@rm -rf .cache/spark/jars
	mvn -q -B -f $< dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/.cache/spark/jars
	@touch $@

# A real OpenID provider, for the sign-in tests.
.cache/provider.stamp: tests/provider/package-lock.json .cache/node.stamp
	@mkdir -p .cache/provider && cp tests/provider/package.json tests/provider/package-lock.json .cache/provider/
	$(NPM) .cache/provider ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

.cache/node.stamp: pyproject.toml uv.lock | $(UV)
	UV_PROJECT_ENVIRONMENT=.cache/node $(UV) sync --quiet --locked --python $(PYTHON) --only-group ui
	@mkdir -p .cache && touch $@

.cache/npm.stamp: ui/package.json ui/package-lock.json .cache/node.stamp
	$(NPM) ui ci --no-audit --no-fund
	@touch $@

# The file changes only if its contents do, so that a change of the server that no client sees builds no pages.
.cache/openapi.stamp: $(shell find src/modelkeep -name '*.py') tools/openapi.py | .cache/run.stamp
	.venv/bin/python tools/openapi.py ui/openapi.json >/dev/null
	@touch $@

ui/openapi.json: .cache/openapi.stamp
	@:

.cache/ui.stamp: .cache/npm.stamp ui/openapi.json $(UI_SOURCES)
	$(NPM) ui run --silent types
	$(NPM) ui run --silent build -- --logLevel warn
	@touch $@

.cache/clients/%.stamp: tests/clients/old/%.txt | $(UV)
	$(UV) venv --quiet --clear --python $(PYTHON) .cache/clients/$*
	$(UV) pip sync --quiet --python .cache/clients/$*/bin/python tests/clients/old/$*.txt
	@touch $@
