# Everything runs in its own virtual environment, .venv, made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
EXTRAS = train,movies,test
INPUT ?=

.PHONY: demo test lint bench clean

$(VENV)/run-time: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e . nilearn
	touch $@

$(VENV)/complete: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS)]"
	touch $@

$(VENV)/rivals: $(VENV)/complete
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS),rivals]"
	touch $@

demo: $(VENV)/run-time  ## Enhance a noisy head, print figures before and after, write picture and report to out/
	$(BIN)/python -m DiffusionCore demo $(INPUT)

test: $(VENV)/complete lint  ## The whole suite
	$(BIN)/python -m pytest

lint: $(VENV)/complete  ## Style, and the arrows of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

bench: $(VENV)/rivals  ## Measure the goals of speed, write docs/performance.md
	$(BIN)/python -m DiffusionCore benchmark speed docs

clean:
	rm -rf $(VENV) out build dist *.egg-info
