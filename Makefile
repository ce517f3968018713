# SPDX-License-Identifier: Apache-2.0
# The front door. Every target says what it does; `make help` lists them.

PRESET ?= release
PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mock-device

# Python of the distribution, which has its pytest; another one may come first in PATH.
PYTHON := /usr/bin/python3

.DEFAULT_GOAL := help
.PHONY: help setup build demo demo-vm image images all-images lab-image chart arm64 test test-all test-kernel test-kernels unit test-matrix lint fuzz soak bench fresh format release bump install clean clean-cache

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install the Debian packages that are missing
	@scripts/setup.sh

build: setup ## build everything into build/$(PRESET) (PRESET=release, debug, asan, tsan, fuzz)
	@[ -f build/$(PRESET)/build.ninja ] || cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS)

demo: build ## show the main job: pods of a real cluster that claim accelerators
	@scripts/demo.sh

demo-vm: build ## show a guest with accelerators, seen from inside
	@scripts/demo-vm.sh

image: build ## the DRA driver's container image, build/images/mock-accel-dra-driver.tar
	@images/driver/make build/$(PRESET)/bin/mock-accel-dra-driver build/images/mock-accel-dra-driver.tar

images: image ## that, the server's, the kernel modules' for each kernel whose headers are here (or KDIRS="…"), and their sources'
	@images/server/make build/$(PRESET)/bin/mock-accel-server build/images/mock-accel-server.tar
	@images/source/make build/images/mock-accel-source.tar
	@for kdir in $(or $(KDIRS),$(wildcard /lib/modules/*/build)); do \
		images/kmod/make "$$kdir" build/images || exit 1; done

all-images: images lab-image arm64 ## all images, for amd64 and for arm64

lab-image: build ## a container image in which a lab runs, build/images/mock-device-lab.tar
	@images/lab/make build/$(PRESET) build/images/mock-device-lab.tar

chart: setup ## the Helm chart, build/charts/mock-device-VERSION.tgz
	@$(PYTHON) scripts/chart.py package

arm64: build ## programs and kernel modules for arm64, into build/arm64, and their images
	@scripts/arm64.sh

test: build ## what every change has to pass; ends with one line of counts
	@$(PYTHON) scripts/test.py

test-all: build ## the same, and what takes longer
	@$(PYTHON) scripts/test.py --all

test-kernel: build ## both modules in a kernel with KASAN, lockdep, KUnit and failing allocations; CYCLES=1000 for longer
	@MOCK_DEVICE_CYCLES=$(or $(CYCLES),5) $(PYTHON) scripts/test.py kernel

test-kernels: build ## both modules in the oldest and the newest kernel that Debian 13 boots with
	@$(PYTHON) scripts/test.py oldest newest

unit: setup ## unit tests only
	@[ -f build/$(PRESET)/build.ninja ] || cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target unit_tests
	@ctest --test-dir build/$(PRESET) --output-on-failure -j $(JOBS)

lint: build ## formatting, clang-tidy, kernel checks, shellcheck
	@$(PYTHON) scripts/lint.py
	@$(PYTHON) scripts/lint.py --tidy

fuzz: setup ## fuzz each target for SECONDS (default an hour); found inputs are kept
	@$(PYTHON) scripts/fuzz.py $(or $(SECONDS),3600)

test-matrix: build ## the driver's tests with Kubernetes 1.31 to 1.37, or VERSIONS="1.32 1.33"; 2 hours
	@cmake --preset faults >/dev/null && cmake --build --preset faults --target mock-accel-dra-driver
	@$(PYTHON) scripts/matrix.py $(VERSIONS)

soak: build ## kill and claim a thousand times; takes a quarter of an hour
	@cmake --preset faults >/dev/null && cmake --build --preset faults --target mock-accel-dra-driver
	@MOCK_DEVICE_KILLS=$(or $(KILLS),1000) MOCK_DEVICE_CLAIMS=$(or $(CLAIMS),10000) \
		$(PYTHON) -m pytest -q -p no:cacheprovider tests/dra/test_endurance.py

bench: setup ## speed and memory, as ratios measured side by side
	@$(MAKE) --no-print-directory build PRESET=bench
	@scripts/bench.sh

fresh: setup ## make demo and make test in a new, bare Debian 12 tree (root)
	@scripts/fresh.sh

format: setup ## format all C++ files
	@git ls-files 'src/*.h' 'src/*.cpp' 'tests/*.cpp' 'bench/*.cpp' | xargs clang-format-19 -i

release: arm64 ## what a release consists of, into build/dist; SNAPSHOT=1: of whatever is there
	@$(PYTHON) scripts/release.py --arm64 $(if $(SNAPSHOT),--snapshot)

bump: ## give all components another version: make bump VERSION=0.2.0
	@$(PYTHON) scripts/bump.py $(VERSION)

install: build ## install into PREFIX (default /usr/local)
	@cmake --install build/$(PRESET) --prefix $(PREFIX)

clean: ## remove build/
	@rm -rf build

clean-cache: ## remove the cached trees and images
	@rm -rf '$(CACHE)'
