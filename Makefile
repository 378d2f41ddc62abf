# Streamgauge. `make` lists the targets; each sets up what it needs in a bare checkout.

VENV     := .venv
BIN      := $(VENV)/bin
STAMP    := $(VENV)/.installed
PACKAGES := streamgauge dashboard processors generators grafana
CODE     := $(PACKAGES) deploy examples tests benchmarks docs
# Modules of benchmarks/ that print a table.
BENCHMARKS := $(foreach name,generator throughput latency linear owner lag repeats partitioning fulfilment fraud fraud_quality attribution dashboard,$(if $(wildcard benchmarks/$(name).py),$(name)))
# Options of the command of a target: make up ARGS="--for 60", make test ARGS="-m 'not chaos'".
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install up prometheus test long chaos proof soak check format bench docs screenshots grafana lock components clean

help: ## List the targets
	@echo 'make TARGET [ARGS="options of its command"]'
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

install: $(STAMP) ## Create the environment .venv with the packages of requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@set -e; \
	if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		found=; \
		for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
			if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
				found=$$python; break; \
			fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo 'Python 3.11 or newer was not found; install it, or name it: make install PYTHON=/path/to/python3' >&2; \
			exit 2; \
		fi; \
		echo "creating $(VENV) with $$($$found --version)"; \
		if ! "$$found" -m venv --clear $(VENV); then \
			echo "$$found cannot create virtual environments; on Debian: apt-get install python3-venv" >&2; \
			exit 2; \
		fi; \
	fi
	$(BIN)/python -m pip install --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --no-input --quiet --no-deps --no-build-isolation -e .
	@touch $@

up: $(STAMP) ## Run everything on this machine: Kafka, traffic, analytics, warehouse, dashboard (ARGS="--for 60 --rate 500")
	@exec $(BIN)/streamgauge up $(ARGS)

# Runs deploy/prometheus/local.yml with the paths of this machine; its files are in the data directory.
prometheus: ## Run Prometheus on http://127.0.0.1:9090, beside `make up` in another terminal (ARGS="--web.enable-lifecycle")
	@command -v prometheus >/dev/null || { \
		echo 'make prometheus needs the command prometheus: apt-get install prometheus (docs/prometheus.md)' >&2; exit 2; }
	@set -e; data="$${STREAMGAUGE_DATA_DIR:-.streamgauge}"; mkdir -p "$$data/prometheus" "$$data/run"; data=$$(cd "$$data" && pwd); \
	sed -e "s|\.\./\.\./\.streamgauge|$$data|" -e "s|rules/|$(CURDIR)/deploy/prometheus/rules/|" \
		deploy/prometheus/local.yml > "$$data/prometheus/prometheus.yml"; \
	echo 'Prometheus: http://127.0.0.1:9090'; \
	exec prometheus --config.file="$$data/prometheus/prometheus.yml" --storage.tsdb.path="$$data/prometheus/data" \
		--storage.tsdb.retention.time=15d --web.listen-address=127.0.0.1:9090 --log.level=warn $(ARGS)

# Two files at a time, since tests on real components mostly wait. In the order of names: the long ones, in a browser and
# on Kafka, come first, so that no worker is left with a long file at the end.
test: $(STAMP) components ## Run the tests, on a real Kafka and in a real browser (ARGS="tests/unit -q")
	@exec $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

long: $(STAMP) components ## Run the tests that take too long for `make test`: sign-in, hostile text on every page, retries, panels, Compose
	@exec $(BIN)/python -m pytest -m 'long and not chaos' $(ARGS)

chaos: $(STAMP) ## Run the tests that kill processes, including long ones
	@exec $(BIN)/python -m pytest -m chaos $(ARGS)

# Resumes: what has a result for the code as it is, is skipped. The table is in docs/reliability.md.
proof: $(STAMP) ## Inject faults one after the other and write what each lost or repeated (ARGS="--only kill-broker --again", "--list")
	@exec $(BIN)/python -m tests.proof $(ARGS)

soak: $(STAMP) ## Two hours of ordinary work, compared at the end (ARGS="--minutes 5")
	@exec $(BIN)/python -m tests.proof --only soak --again $(ARGS)

check: $(STAMP) ## Check format, lint, types and layers
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy --strict $(CODE)
	$(BIN)/lint-imports

format: $(STAMP) ## Format the code and apply lint fixes
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

bench: $(STAMP) ## Run the benchmarks (BENCHMARKS=throughput ARGS="--events 200000")
	@set -e; for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name $(ARGS); done

docs: $(STAMP) ## Write the generated pages: commands, metrics, settings, the commerce catalog
	$(BIN)/python docs/generate.py

screenshots: $(STAMP) ## Take the pictures in docs/images from a running shop (ARGS="FOLDER --minutes 3" takes every state)
	@exec $(BIN)/python -m tests.browser.screenshots $(ARGS)

grafana: $(STAMP) ## Write dashboards, alert rules and recording rules from the Python in grafana/
	@$(BIN)/python -m grafana.generate
	@$(BIN)/python deploy/generate.py

# Locked versions stay unless pyproject.toml requires others; ARGS=--upgrade takes the newest.
lock: $(STAMP) ## Resolve pyproject.toml into requirements.lock
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --disable-pip-version-check --no-input --quiet uv
	env -u PIP_FIND_LINKS -u UV_FIND_LINKS $(BIN)/uv pip compile pyproject.toml --extra dev --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--custom-compile-command 'make lock' --quiet -o requirements.lock $(ARGS)

# System programs that the tests use, as command=Debian package.
COMPONENTS := chromium=chromium prometheus=prometheus Burrow=burrow docker-compose=docker-compose kubectl=kubernetes-client

components:
	@missing=; for pair in $(COMPONENTS); do \
		command -v "$${pair%=*}" >/dev/null || missing="$$missing $${pair#*=}"; \
	done; \
	if [ -z "$$missing" ]; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "installing for the tests:$$missing"; \
		export DEBIAN_FRONTEND=noninteractive; \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; } </dev/null >/dev/null \
			|| echo "apt could not install$$missing: the tests need them" >&2; \
	else \
		echo "the tests need: apt-get install$$missing (or your system's packages of them)" >&2; \
	fi

clean: ## Remove the environment and all caches; data in .streamgauge/ stays
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
