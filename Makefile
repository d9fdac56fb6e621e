# Both README commands set up what they need: Python 3.11+, gcc and make are all a fresh machine must have.
# A command may be on the path and still not run (version managers), so each is asked.
PYTHON ?= $(shell for p in python3.12 python3.11 python3.13 python3; do $$p -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: demo test lint
demo: .venv/ready
	$(BIN)/fairdunning demo

test: .venv/ready lint
	$(BIN)/pytest -q -n 2 -m "not slow"

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/ready: pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --progress-bar off -q -r requirements.lock
	@$(BIN)/python -c "import sys; sys.exit(sys.version_info < (3, 13))" && \
	  { CPPFLAGS=-DPyEval_CallObject=PyObject_CallObject $(BIN)/pip install -q durable-rules==2.0.28 || \
	    echo "durable-rules does not build here: checks run on the compiled engine alone, and say so"; } || true
	$(BIN)/pip install -q --no-deps -e .
	touch $@
