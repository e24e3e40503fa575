PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup run test lint types unit integration clean

setup:
	@$(PYTHON) packaging/setup_environment.py

run: setup
	@$(BIN)/desktop-llm

test: lint types unit integration

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup
	$(BIN)/mypy

unit: setup
	$(BIN)/pytest tests/unit

integration: setup
	$(BIN)/pytest tests/integration

clean:
	rm -rf .venv dist build
