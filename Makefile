PYTHON ?= python3
# An environment keeps its Python until another is asked for: make PYTHON=python3.12
ASKED := $(if $(filter file,$(origin PYTHON)),,--this-python)
BIN := .venv/bin

.PHONY: setup run test lint types layers translations unit ui integration wheel \
	desktop screenshots bench demo-hub clean

setup:
	@$(PYTHON) packaging/setup_environment.py $(ASKED)

run: setup
	@$(BIN)/desktop-llm

test: lint types layers translations unit ui integration wheel

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

translations: setup
	$(BIN)/python packaging/translations.py check

# They need no Qt, and are not to.
unit: setup
	DESKTOP_LLM_BLOCK_QT=1 $(BIN)/pytest -p no:pytest-qt tests/unit

ui: setup
	QT_QPA_PLATFORM=offscreen $(BIN)/pytest tests/ui

wheel: setup
	$(BIN)/python packaging/check_wheel.py

integration: setup
	$(BIN)/pytest tests/integration

desktop: setup
	$(BIN)/python packaging/linux/validate.py

screenshots: setup
	$(BIN)/python packaging/screenshots.py

bench: setup
	$(BIN)/python benchmarks/run.py $(if $(PEER),--peer $(PEER))

demo-hub: setup
	@$(BIN)/python -m tests.fakes.demo_hub

clean:
	rm -rf .venv dist build
