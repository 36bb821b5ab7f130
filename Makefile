# make reproduce   regenerate tables, figures and executed notebooks (SEEDS=3 for deviations, PROFILE=smoke to try it,
#                  OPTIONS=--checkpoints to train anew the model that the notebooks show)
# make test        what has to pass: ruff, the tests, every notebook
# make fuzz        2,000 damaged or nonsensical inputs for everything that reads one, in half an hour
# make install     only the environment, .venv

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PROFILE ?= mini
SEEDS ?= 1
# Several processes share the cores; threads of their own would only get in each other's way.
export OMP_NUM_THREADS ?= 1

.PHONY: reproduce test fuzz install

reproduce: install
	$(BIN)/python -m dgmlib reproduce --profile $(PROFILE) --seeds $(SEEDS) $(OPTIONS)

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n 2 --dist loadscope tests
	$(BIN)/python -m dgmlib broden mini --size smoke
	PYTHONWARNINGS=ignore $(BIN)/python -m pytest -n 2 --dist loadscope --nbval --nbval-current-env notebooks

fuzz: install
	$(BIN)/python -m pytest -n 2 --hypothesis-profile fuzz tests/test_fuzz.py

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "dgmlib needs Python 3.11 or later; set PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@
