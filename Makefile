# Two commands do everything: `make demo` and `make test`. Both set up first what is missing.
PY := .venv/bin/python
.PHONY: setup demo test lint unit stories wire site bench chaos docs clean

setup:
	@sh scripts/setup.sh

demo: setup  ## run the whole site with virtual hardware and open the driver's screen
	@.venv/bin/forecourt demo

test: setup lint unit stories wire site  ## everything that CI runs

lint: setup
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@sh scripts/check_firmware.sh

unit: setup  ## pure code and fakes of devices, no wire; under 60 s
	@# What is ignored holds no unit test, and would only be imported.
	@$(PY) -m pytest -q -n auto --dist worksteal --ignore tests/wire --ignore tests/site \
		-m "not wire and not site and not slow and not stories"

stories: setup  ## whatever may happen to pure code, told at random or exhaustively; no wire
	@$(PY) -m pytest -q -n auto --dist worksteal --ignore tests/wire --ignore tests/site \
		-m "stories and not slow"

wire: setup  ## real protocols on real wires: ptys, sockets, a broker, MicroPython
	@# The port in node stands in for the unix port; it is tested where there is a node.
	@if command -v npm >/dev/null; then sh scripts/get_micropython.sh --wasm >/dev/null \
		|| echo "no MicroPython in node: its tests are skipped, and say so"; fi
	@$(PY) -m pytest -q -m "wire and not slow"

site: setup  ## the whole virtual site, killed and cut in many ways
	@$(PY) -m pytest -q -n 2 --dist loadfile -m "site and not slow"

bench: setup  ## measure, print a table, store JSON in bench-results/
	@$(PY) -m hil_tests.bench

chaos: setup  ## the long forms: kills, power cuts, soak
	@$(PY) -m pytest -q -m slow

clean:
	rm -rf .venv .build bench-results .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
