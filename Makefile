# make demo   see it work          make test   run the tests       make check  everything the CI runs
# make bench  measure this machine make lock   renew the locks     make run    a hub in ./data
# make soak   two hours of faults  make addon  the folder of the Home Assistant add-on
.PHONY: help demo run test check lint types layers bench soak lock report-detection addon clean
PY := .venv/bin
DATA ?= ../shared/data

help:
	@sed -n '1,3s/^# //p' Makefile

demo: .venv/hub.stamp
	$(PY)/printwarden demo $(ARGS)

run: .venv/hub.stamp
	$(PY)/printwarden run $(ARGS)

test: .venv/dev.stamp
	$(PY)/pytest -n auto --dist loadfile $(ARGS)

check: lint types layers test

lint: .venv/dev.stamp
	$(PY)/ruff check .
	$(PY)/ruff format --check .

types: .venv/dev.stamp
	$(PY)/mypy

layers: .venv/dev.stamp
	$(PY)/lint-imports --config setup.cfg

bench: .venv/hub.stamp
	$(PY)/python -m hub.bench $(ARGS)

# A fault every minute, e.g. ARGS="--minutes 10"; the result goes to build/soak.{json,md,svg}.
soak: .venv/dev.stamp
	$(PY)/python -m tests.soak $(ARGS)

# A stamp is newer than the lock it was made from; the dev environment contains the hub's.
.venv/hub.stamp: requirements/hub.lock setup.cfg pyproject.toml
	@test -e .venv/dev.stamp -a .venv/dev.stamp -nt requirements/dev.lock || .ci/environment hub
	@touch $@

.venv/dev.stamp: requirements/dev.lock setup.cfg pyproject.toml
	@.ci/environment dev
	@touch $@ .venv/hub.stamp

lock: .venv/dev.stamp
	$(PY)/pip install --quiet uv
	$(PY)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra hub \
		setup.cfg requirements/build.in -o requirements/hub.lock
	$(PY)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra hub --extra notify \
		-c requirements/hub.lock setup.cfg requirements/build.in -o requirements/image.lock
	$(PY)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --extra hub --extra notify \
		-c requirements/image.lock setup.cfg requirements/build.in requirements/dev.in -o requirements/dev.lock

# The data is a folder with manifest.csv, sequences.csv and clips/; scores are kept in ~/.cache/printwarden.
report-detection: .venv/dev.stamp
	$(PY)/python -m hub.evaluation_detection --data $(DATA) --docs docs/detection.md $(ARGS)

# Copy the folder in build/addon to /addons of Home Assistant; it appears among the local add-ons.
addon: .venv/dev.stamp
	rm -rf build/addon
	mkdir -p build/addon
	cp -r packaging/homeassistant/addon build/addon/printwarden
	cp requirements/image.lock build/addon/printwarden/
	$(PY)/pip wheel --quiet --no-deps --no-build-isolation -w build/addon/printwarden .

clean:
	rm -rf .venv build *.egg-info
