# make book          the book, from nothing: .venv, pinned packages, every chapter executed, _build/html
# make pdf           the whole book as one PDF, _build/book.pdf, printed by chromium or Chrome: some minutes
# make test          make check, then unit tests, notebooks against their stored outputs, pages in a browser
# make check         format, lint and types, in seconds
# make notebooks     execute the chapters at their default parameters and store them in book/
# make requirements  pin again what pyproject.toml asks for (needs uv); pins that still fit stay
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: book pdf test check notebooks setup requirements clean

book: $(STAMP)
	@$(RUN) -m companion build

pdf: book
	@$(RUN) -m companion pdf

test: check
	@$(RUN) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder \
	  --nbval --nbval-current-env book tests

check: $(STAMP)
	@$(RUN) -m ruff format --check --quiet --output-format concise \
	  || { echo "error: these files are not formatted; $(RUN) -m ruff format does it"; exit 1; }
	@$(RUN) -m ruff check --quiet --output-format concise
	@$(RUN) -m mypy

notebooks: $(STAMP)
	@$(RUN) -m companion notebooks

setup: $(STAMP)

# The stamp is written last: an interrupted installation starts again, a finished one costs nothing.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1); Python 3.11 or newer is needed (make PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "error: $(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

# One file for all Pythons from 3.11 on. The packages of CUDA are left out: the torch that is installed asks for its own.
requirements:
	uv pip compile --quiet --universal --all-extras --no-annotate --custom-compile-command "make requirements" \
	  --output-file requirements.txt pyproject.toml
	sed -i.bak -E '/^(nvidia|cuda|triton)/d' requirements.txt && rm requirements.txt.bak

clean:
	rm -rf _build
