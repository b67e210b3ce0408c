# `make test` installs what it needs, then runs lint and the suite.
VENV ?= .venv
PYTHON ?= python3.11

.PHONY: test lint install

install: $(VENV)/.stamp

$(VENV)/.stamp: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet -r requirements.txt -r requirements-dev.txt
	touch $@

lint: install
	$(VENV)/bin/ruff check .

test: install lint
	$(VENV)/bin/python -m pytest
