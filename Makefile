# The same commands for people and for continuous integration.
# Needed on the system: make, and python3 (3.11 or later) with its venv module.

PYTHON ?= python3
ARGS   ?=
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.installed
ALL    := $(VENV)/.installed-all
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test check fix bench bench-peers docs sample notebooks clean

help:  ## Print this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

demo: $(RUN)  ## Run the sample reform and write its results
	@$(BIN)/geomerge run sample_data/job.yaml $(ARGS)

test: $(ALL)  ## Run all tests (ARGS="-k merge" for some); GEOMERGE_REQUIRE_REAL=1 wants QGIS, PostgreSQL and Chromium as well
	@$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

check: $(ALL)  ## Check lint, format and types
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "Some files want formatting: make fix" >&2; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@echo "Lint, format and types are in order."

fix: $(ALL)  ## Mend lint and format where that is possible
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format --quiet

bench: $(ALL)  ## Run the benchmarks
	@for file in benchmarks/bench_*.py; do $(BIN)/python "$$file" $(ARGS) || exit 1; done

bench-peers: $(ALL)  ## Install the peers of the national benchmark apart, and run it with them
	@$(BIN)/python benchmarks/bench_national.py --install $(ARGS)

docs: $(ALL)  ## Build the documentation as a site into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet $(ARGS)

sample: $(ALL)  ## Make the sample data anew
	@$(BIN)/python sample_data/make_sample.py $(ARGS)

notebooks: $(ALL)  ## Execute every notebook, leaving the files as they are
	@$(BIN)/jupyter execute notebooks/*.ipynb $(ARGS)

clean:  ## Remove the virtual environment, caches and results
	@rm -rf $(VENV) out out_notebooks site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -type d -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(RUN): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing geomerge ..."
	@$(PIP) -c constraints.txt -e .
	@touch $@

$(ALL): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing geomerge with its tests, notebooks and development tools ..."
	@$(PIP) -c constraints.txt -e ".[test,dev,notebooks]"
	@touch $(RUN) $@
