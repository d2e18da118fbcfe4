# Everything runs in its own virtual environment, .venv, made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
EXTRAS = train,movies,test
INPUT ?=

.PHONY: demo test host-test lint bench bench-panel clean

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

# The wheels of the Slicer test host are large and not to be had everywhere: without them its tests are skipped, with the reason.
$(VENV)/host: $(VENV)/complete
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e ".[$(EXTRAS),host]" && touch $@ \
	  || echo "slicer-core or PySide6-Essentials is not to be had here"

demo: $(VENV)/run-time  ## Enhance a noisy head, print figures before and after, write picture and report to out/
	$(BIN)/python -m DiffusionCore demo $(if $(INPUT),"$(INPUT)")

test: $(VENV)/complete lint host-test  ## The whole suite
	$(BIN)/python -m pytest

host-test: $(VENV)/host  ## The modules in a host of Slicer: a process of its own, as it changes Qt's classes in place
	$(BIN)/python -m pytest Testing/Host

lint: $(VENV)/complete  ## Style, and the arrows of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

bench: $(VENV)/rivals  ## Measure the goals of speed, write docs/performance.md
	$(BIN)/python -m DiffusionCore benchmark speed docs

bench-panel: $(VENV)/host  ## Measure the goals of the panel, write docs/benchmark/panel.md; PARTS="runs soak" for some of them
	$(BIN)/python Testing/Bench/panel.py $(PARTS)

clean:
	rm -rf $(VENV) out build dist *.egg-info
