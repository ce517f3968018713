#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Speed and memory as one table. Ratios are measured side by side in one run: absolute times of a
# shared machine mean little.
set -eu
cd "$(dirname "$0")/.."

{
	build/bench/bin/vfio_user_bench
	build/bench/bin/engine_bench
	MOCK_DEVICE_BIN=build/bench/bin /usr/bin/python3 bench/server_bench.py
	MOCK_DEVICE_BIN=$PWD/build/bench/bin /usr/bin/python3 bench/driver_bench.py
} | column -t -s '|' -o '|'
