# make book       the book, from nothing: .venv, pinned packages, every chapter executed, _build/html
# make test       unit tests, notebooks against their stored outputs, pages in a browser
# make notebooks  execute the chapters at their default parameters and store them in book/
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: book test notebooks setup clean

book: $(STAMP)
	@$(RUN) -m ts_core build

test: $(STAMP)  # the chapters first: they take longest
	@$(RUN) -m pytest -n auto --maxprocesses 4 --dist loadfile --nbval --nbval-current-env book tests

notebooks: $(STAMP)
	@$(RUN) -m ts_core notebooks

setup: $(STAMP)

# The stamp is written last: an interrupted installation starts again, a finished one costs nothing.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
	  || { echo "error: $(PYTHON) is $$($(PYTHON) --version 2>&1); Python 3.10 or newer is needed (make PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "error: $(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

clean:
	rm -rf _build
