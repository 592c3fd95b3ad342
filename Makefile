# make demo and make test each set up all they need on a fresh Debian or Ubuntu machine.

PYTHON ?= python3
VENV := .venv
ROUNDS ?= 5
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install
QUIETLY := @sh wheels/quietly.sh

NATIVE := $(wildcard csrc/*/*.[ch] csrc/shim/machines/*.h csrc/shim/symbols.def wheels/backend.py wheels/native.py)
DEMO_PACKAGES := gcc libc6-dev python3-dev python3-venv libffi-dev fuse3 samba samba-vfs-modules smbclient
TEST_PACKAGES := $(DEMO_PACKAGES) golang-go golang-github-hanwen-go-fuse-dev musl musl-tools clang clang-format shellcheck \
	gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-i686-linux-gnu libc6-dev-i386-cross \
	libfuse2 rdiff-backup rdiff-backup-fs \
	strace valgrind libfaketime fakeroot libjemalloc2 perl rsync git bindfs binutils attr libcap2-bin \
	podman runc buildah nftables mmdebstrap catatonit s6 \
	qemu-system-x86 busybox-static cifs-utils kmod \
	user-mode-linux iproute2 iptables e2fsprogs man-db zsh fish
BENCH_PACKAGES := $(TEST_PACKAGES) bfs fd-find findutils

.PHONY: demo test matrix lab readme check lint bench wheel wheels docs clean

demo: $(VENV)/.system-demo $(VENV)/.installed
	$(BIN)/nlinkshim demo

test: $(VENV)/.system-test $(VENV)/.developed
	$(BIN)/pytest $(PYTEST_ARGUMENTS)

# the shim's entry points on every machine, under qemu; make test tries some of these
matrix: $(VENV)/.system-test $(VENV)/.developed
	NLINKSHIM_MATRIX=all $(BIN)/pytest -q tests/foreign $(PYTEST_ARGUMENTS)

# what consumers see when servers fail, with the Samba of a Debian release, into docs/drills.md: make lab SAMBA=trixie.
# GUEST=qemu takes other consumers than User-mode Linux, as is done by itself where that cannot be had
lab: $(VENV)/.system-test $(VENV)/.developed
	NLINKSHIM_LAB_SAMBA=$(SAMBA) NLINKSHIM_LAB_ROUNDS=$(ROUNDS) NLINKSHIM_LAB_GUEST=$(GUEST) $(BIN)/pytest -q tests/lab $(PYTEST_ARGUMENTS)

# what README.md says, word for word, in fresh roots of two Debian releases, into build/fresh/
readme: $(VENV)/.system-test $(VENV)/.developed
	NLINKSHIM_README_SUITES="bookworm trixie" $(BIN)/pytest -q tests/docs/test_readme.py $(PYTEST_ARGUMENTS)

# the fast inner loop: what needs no mount
check: $(VENV)/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q -m quick

lint: $(VENV)/.system-test $(VENV)/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	sh wheels/lint-native.sh
	shellcheck .ci/run wheels/*.sh tests/guest/*.sh tests/lab/*.sh nlinkshim/engines/generate/templates/image/*.sh

bench: $(VENV)/.system-bench $(VENV)/.developed
	$(BIN)/python -m bench $(BENCH_ARGUMENTS)

# of every machine for glibc, and this one's for musl; make wheels: for both
wheel: $(VENV)/.developed
	rm -rf dist
	$(BIN)/python wheels/build --libc glibc dist
	$(BIN)/python wheels/build --libc musl --machine $(shell uname -m) dist
	$(BIN)/python wheels/check dist/*.whl

wheels: $(VENV)/.developed
	rm -rf dist
	$(BIN)/python wheels/build dist
	$(BIN)/python wheels/check --all dist/*.whl

docs: $(VENV)/.developed
	$(BIN)/python docs/tables.py
	$(BIN)/python docs/command_pages.py
	$(BIN)/python docs/api_page.py

$(VENV)/bin/python:
	@command -v $(PYTHON) >/dev/null && $(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
		|| sh wheels/system-packages.sh python3-venv
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml $(NATIVE)
	$(QUIETLY) 'pip' $(PIP) --upgrade 'pip>=25.1'  # an older one knows no --group
	$(QUIETLY) 'nlinkshim and what it needs' $(PIP) -e '.[demo]'
	@touch $@

$(VENV)/.developed: $(VENV)/.installed
	$(QUIETLY) 'what its tests need' $(PIP) -e '.[demo]' --group dev
	@touch $@

$(VENV)/.system-%: $(VENV)/bin/python
	@sh wheels/system-packages.sh $($(shell echo $* | tr a-z A-Z)_PACKAGES)
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info nlinkshim/*.so
