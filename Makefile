# make demo     train, fit, plan and report on a small sweep, from a fresh clone
# make test     lint, types, docs and tests, from a fresh clone
# make check    lint and types alone
# make hooks    check every commit before it is made
# make docs     build the site in site/ and check every link
# make figures  draw the figures of the docs again
# make dist     build sdist and wheel in dist/ and try the wheel in an environment of its own
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
DATASETS := $(wildcard ../shared/datasets)
ifneq ($(DATASETS),)
export SPARSELAW_DATASETS ?= $(abspath $(DATASETS))
endif

.PHONY: demo test test-slow check hooks browser format docs figures dist benchmarks coverage design-study published-fits clean

demo: .venv/core
	$(BIN)/sparselaw demo

test: check browser docs
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test-slow: .venv/dev
	$(BIN)/pytest -m slow

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyrefly check

hooks: .venv/dev
	$(BIN)/prek install

# The tests of the page drive Chromium; without it they are skipped with the reason.
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
browser: .venv/dev
ifeq ($(CHROMIUM),)
	@( apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core ) \
		>/dev/null 2>&1 || echo "Chromium is missing and could not be installed; the browser tests of the page will be skipped"
endif

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The variable silences Material's notice about MkDocs 2, which the constraints exclude.
docs: .venv/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir site
	$(BIN)/python tools/check_site.py site

figures: .venv/core
	for runs in t5-c4 vit-jft; do $(BIN)/sparselaw fit $$runs --bootstrap 1000 --figures docs/figures/$$runs || exit 1; done
	$(BIN)/sparselaw fit results/decoder.csv --bootstrap 1000 --by cell --figures docs/figures/decoder
	$(BIN)/sparselaw contours t5-c4-refit --inference 1e9:1e14 --inference-cost sparse -o docs/figures/lifetime-t5.png
	$(BIN)/sparselaw compare-patterns results/patterns-decoder.csv --figure docs/figures/patterns-decoder.png
	$(BIN)/sparselaw compare-patterns results/patterns-vit.csv --figure docs/figures/patterns-vit.png
	$(BIN)/sparselaw compare-patterns results/recipes-decoder.csv --by recipe --figure docs/figures/recipes-decoder.png
	$(BIN)/sparselaw compare-pretrained results/pretrained-decoder.csv --figure docs/figures/pretrained-decoder.png

dist: .venv/dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	SPARSELAW_DIST=dist $(BIN)/pytest -q tests/test_package.py
	@ls dist/*

benchmarks: .venv/dev
	@for script in benchmarks/bench_*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

coverage: .venv/dev
	$(BIN)/python benchmarks/coverage.py

design-study: .venv/dev
	$(BIN)/pytest -m slow -s tests/design/test_study.py

published-fits: .venv/dev
	$(BIN)/python tools/make_published_fits.py

.venv/created:
	$(PYTHON) -m venv .venv
	@touch $@

.venv/core: .venv/created pyproject.toml constraints.txt
	$(PIP) -e ".[train]"
	@touch $@

.venv/docs: .venv/core
	$(PIP) -e ".[docs]"
	@touch $@

# compressed-tensors requires an older transformers, so it has a folder of its own, with only what its bitmasks need.
.venv/dev: .venv/core
	$(PIP) -e ".[dev]"
	$(PIP) --target .venv/peers --upgrade loguru pydantic
	$(PIP) --target .venv/peers --upgrade --no-deps compressed-tensors==0.14.0.1
	@touch $@

clean:
	rm -rf .venv demo-output site dist
