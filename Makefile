# make quick: the whole workflow in minutes. make test: every test. Both make .venv where it is missing.
PYTHON ?= python3
VENV ?= .venv
# ctgan is optional, and not open source (BUSL-1.1): `make quick EXTRAS=dev` does without. The others
# let `make docs` write the site, and `make test` try SLURM, a bucket, Kubernetes' profile and wandb.
EXTRAS ?= dev,docs,ctgan,slurm,s3,kubernetes,wandb
BIN := $(if $(filter /%,$(VENV)),,$(CURDIR)/)$(VENV)/bin
OUTSIDE := $(subst $(BIN):,,$(PATH))
export PATH := $(BIN):$(OUTSIDE)
export PYTHONUNBUFFERED := 1
# Set for another environment, or another workflow
unexport PIP_PREFIX PIP_TARGET PIP_USER PYTHONHOME SNAKEMAKE_PROFILE

# Of a container's quota too, which neither Snakemake nor pytest looks at
CORES = $$(python -c 'from synther.jobs.threads import cores; print(cores())')

.PHONY: quick test fast lint docs wheel reference-row check-physics environment unsound rendering slurm-tools browser clean

quick: environment rendering
	@echo "Making every table and figure of the quick preset. You may interrupt it: make quick continues."
	@python -m synther.cli.forkserver snakemake all report --cores "$(CORES)" --config preset=quick \
	   --prioritize figures/quick/table1.pdf --scheduler greedy --logger synther
	@echo
	@echo "Open first:  figures/quick/report.html    everything on one page"
	@echo "Then:        figures/quick/               tables and figures: .pdf .png .csv .tex .md .json"
	@echo "             results/quick/               raw results, a row an episode"
	@echo "             logs/quick/                  a log for every job"
	@echo "The quick preset is a pipeline check: do not read its numbers as evidence."

# A test a core: the mathematics of each has one thread.
test: environment rendering slurm-tools browser
	OMP_NUM_THREADS=1 pytest --numprocesses "$(CORES)" --dist loadgroup --durations 15

# The tests that train nothing and run no workflow.
fast: environment
	OMP_NUM_THREADS=1 pytest --numprocesses "$(CORES)" -m "not slow"

lint: environment
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	snakefmt --check Snakefile workflow
	snakemake --lint
	$(SITE) --quiet

# The documentation as a site. A broken link, anchor or name of the Python interface is an error.
SITE := NO_MKDOCS_2_WARNING=1 mkdocs build --strict
docs: environment
	$(SITE)
	@echo "Open site/index.html, or with the search: python -m http.server --directory site"

# What `pip install` gives without a checkout: built, and tried in an empty folder.
wheel: environment
	python -m hatchling build -t wheel
	pytest tests/test_wheel.py

# Makes the beginning of one shipped cell anew, and holds it against what is shipped.
reference-row: environment
	OMP_NUM_THREADS=1 python tests/workflow/check_reference.py

# Steps Gym's -v2 environments in mujoco-py beside ours; needs python3.10 or python3.8.
check-physics: environment
	python tests/envs/check_physics.py

# What draws pixels without a display, EGL or OSMesa; installed where neither works, by root on Debian.
RENDERS := python -c 'from synther.envs.pixels import find_backend; print("Pixels:", find_backend())'
rendering: environment
	@$(RENDERS) 2>/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get -qq update && apt-get -qq install -y \
	     --no-install-recommends libegl1 libgl1-mesa-dri libosmesa6 >/dev/null && $(RENDERS); } \
	|| echo "No pixels can be rendered here: install libegl1 libgl1-mesa-dri, or libosmesa6"

# What the tests start a SLURM of four nodes from; installed where it is missing, by root on Debian.
SLURM_PACKAGES := slurmctld slurmd slurm-client munge slurmdbd mariadb-server-core mariadb-client-core
SLURMS := (for each in slurmctld slurmd sbatch munged slurmdbd mariadbd mariadb-install-db; do \
	command -v $$each || exit 1; done) >/dev/null && echo "SLURM: $$(slurmd -V)"
slurm-tools:
	@$(SLURMS) 2>/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq \
	     install -y --no-install-recommends $(SLURM_PACKAGES) >/dev/null \
	     && $(SLURMS); } \
	|| echo "No SLURM can be started here: install $(SLURM_PACKAGES)"

# What the report's tests open it in; they are skipped without.
browser:
	@{ command -v chromium || command -v chromium-browser || command -v chrome; } >/dev/null \
	|| { [ "$$(id -u)" = 0 ] && apt-get -qq update && apt-get -qq install -y \
	     --no-install-recommends chromium >/dev/null; } \
	|| echo "No browser here: install chromium to test the report in it"

# A stamp for every choice of extras: another choice installs what it lacks.
comma := ,
INSTALLED := $(VENV)/.installed-$(subst $(comma),-,$(EXTRAS))
environment: $(INSTALLED)

# The Python that is asked for, which is not the environment's own; what it must be, in words that an
# old one understands; and which it is.
ASKED = env PATH="$(OUTSIDE)" "$(PYTHON)"
RECENT := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
WHICH := -c 'import sys; print(sys.version_info[:2])'
# An environment that a failed try, another Python or another folder left is made anew. One that is
# whole stays, unless another Python is named.
SOUND = $(VENV)/bin/python -c 'import pip' && $(VENV)/bin/python $(RECENT) \
	&& { [ ! -e $(VENV)/bin/synther ] || grep -qF "$(if $(filter /%,$(VENV)),,$$(pwd -P)/)$(VENV)/bin/python" $(VENV)/bin/synther; } \
	$(if $(filter file,$(origin PYTHON)),,&& [ "$$($(ASKED) $(WHICH))" = "$$($(VENV)/bin/python $(WHICH))" ])

$(INSTALLED): pyproject.toml $(if $(wildcard $(INSTALLED)),$(shell { $(SOUND); } 2>/dev/null || echo unsound))
	@{ $(SOUND); } 2>/dev/null \
	|| { $(ASKED) $(RECENT) 2>/dev/null \
	     || { echo "Python 3.11 or later is needed; $(PYTHON) is: $$($(ASKED) --version 2>&1)." \
	          "Name another: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }; \
	     [ ! -e $(VENV)/pyvenv.cfg ] || rm -rf $(VENV); \
	     $(ASKED) -m venv $(VENV); }
	@echo "Installing synther and what it needs into $(VENV): some minutes, without words"
	@$(VENV)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

clean:
	rm -rf results/quick figures/quick data/quick logs/quick .snakemake
