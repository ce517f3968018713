#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds everything for arm64 on another machine: programs, kernel modules, and images of both.
# What it needs comes from Debian: a cross compiler, qemu-user, and folders of unpacked packages in the cache.
set -eu
cd "$(dirname "$0")/.."

say() {
	echo "arm64: $*"
}

scripts/setup.sh scripts/arm64/packages.txt
mkdir -p build
ln -sfn "$(scripts/arm64/tree.sh sysroot)" build/arm64-sysroot

say "programs"
[ -f build/arm64/build.ninja ] || cmake --preset arm64 >/dev/null
cmake --build --preset arm64 -j "${JOBS:-$(nproc)}" "$@"

for kernel in 6.1 6.12; do
	say "kernel modules for Linux $kernel, and their image"
	headers=$(scripts/arm64/tree.sh headers $kernel)/usr/src/linux-headers
	modules=build/arm64/modules/$kernel
	make -C kernel --no-print-directory ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- KDIR="$headers" \
		BUILD="$PWD/$modules" >build/arm64/modules.log 2>&1 || {
		tail -n 20 build/arm64/modules.log >&2
		exit 1
	}
	guest=$(scripts/arm64/tree.sh guest $kernel)
	release=$(basename "$(readlink "$headers")" | sed 's/^linux-headers-//')
	ARCH=arm64 images/kmod/pack "$modules" "$release" \
		"$guest/bin/busybox" "build/images/mock-accel-kmod-$release.tar"
done

say "images of the driver and the server"
image() {
	ARCH=arm64 SYSROOT="$PWD/build/arm64-sysroot" \
		"images/$1/make" "build/arm64/bin/$2" "build/images/$2-arm64.tar"
}
image driver mock-accel-dra-driver
image server mock-accel-server
say "done: build/arm64/bin, build/arm64/modules, build/images/*-arm64.tar"
