# `make up` starts everything on this machine; `make test` checks everything. Both install what they need first.
VENV ?= .venv
PYTHON ?= python3.11
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

.PHONY: up down status logs test lint format bench evaluate browser screenshot

up: $(INSTALLED)
	@$(BIN)/python -m authsite.embedded start

down: $(INSTALLED)
	@$(BIN)/python -m authsite.embedded stop

status: $(INSTALLED)
	@$(BIN)/python -m authsite.embedded status

logs:
	@tail -n 50 -F $${COSMIC_STATE_DIR:-var}/log/*.log

test: $(INSTALLED_DEV) browser lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser"
	$(BIN)/python -m pytest -n 2 --dist loadfile -m browser
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.on_postgresql -q -n 2 --dist loadfile

lint: $(INSTALLED_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: $(INSTALLED_DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Longer than the tests: figures for docs/benchmarks.md, ratios taken in one run.
bench: $(INSTALLED_DEV)
	$(BIN)/python -m tests.bench

# All variants on five folds, which takes hours, and a report on those that matter: make evaluate FEATURES=features.sqlite
# A second call goes on with what is done.
evaluate: $(INSTALLED)
	@test -n "$(FEATURES)" || { echo "FEATURES=... is needed: the file of manage.py extract_features"; exit 1; }
	$(BIN)/python manage.py run_ablation --features "$(FEATURES)" --variants all --folds 5 --out runs/ablation
	$(BIN)/python manage.py evaluate --scores runs/ablation/B4 runs/ablation/MIMOP runs/ablation/A1 \
	  --setting face+voice face voice --features "$(FEATURES)" --out reports/evaluation.html

# The picture in the README, made anew by the browser test.
screenshot: $(INSTALLED_DEV) browser
	$(BIN)/python -m pytest -q tests/system/test_browser.py -k let_in
	mkdir -p docs/images && cp var/screenshots/scanner.png docs/images/scanner.png

# The browser tests drive Debian's Chromium; without it they are skipped and say so.
browser:
	@command -v chromium >/dev/null || { \
	  as_root=; [ "$$(id -u)" = 0 ] || as_root="sudo -n"; \
	  $$as_root apt-get update -qq && $$as_root apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
	  || echo "Chromium is missing and could not be installed: the browser tests will be skipped"

$(BIN)/python:
	$(PYTHON) -m venv $(VENV) || { echo "Python 3.11 with venv is needed: apt install python3.11 python3.11-venv"; exit 1; }

$(INSTALLED): requirements.txt requirements-no-deps.txt constraints.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements-no-deps.txt
	@touch $@

$(INSTALLED_DEV): $(INSTALLED) requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt -r requirements-dev.txt
	@touch $@
