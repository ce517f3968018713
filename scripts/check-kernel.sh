#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Checks kernel/ and abi/ as the kernel's people would: checkpatch --strict, then a build with W=1
# and sparse against all installed kernel headers. Any output of theirs is a failure. No network.
#
# Debian packages: make gcc sparse perl xz-utils linux-headers-amd64 linux-source-6.12 (checkpatch).
#
#   KDIRS        build folders of kernels to check against, instead of those installed
#   CHECKPATCH   checkpatch.pl to use, instead of the one in an installed linux-source package
#
# shellcheck disable=SC2317  # functions are called through check
set -euo pipefail
shopt -s nullglob

ROOT=$(realpath "$(dirname "$0")/..")
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/mock-device

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
failures=0

give_up() {
  echo "check-kernel: $*" >&2
  exit 2
}

# check WHAT COMMAND...: one line when it is clean; what it printed when not.
check() {
  local what=$1 output
  shift
  if output=$("$@" 2>&1) && [ -z "$output" ]; then
    echo "check-kernel: $what: clean"
    return
  fi
  printf '%s\ncheck-kernel: %s: not clean\n' "$output" "$what" >&2
  failures=$((failures + 1))
}

# The kernel's sources are a large archive; the three files that checkpatch needs are kept.
unpack_checkpatch() {
  local archives=(/usr/src/linux-source-*.tar.xz) archive name unpacked
  [ ${#archives[@]} -gt 0 ] || give_up "no checkpatch.pl: install linux-source-6.12, or set CHECKPATCH"
  archive=${archives[-1]}
  name=$(basename "$archive" .tar.xz)
  unpacked=$CACHE/checkpatch/$name-$(stat -c %Y "$archive")
  if [ ! -d "$unpacked" ]; then
    mkdir -p "$CACHE/checkpatch"
    tar -xJf "$archive" -C "$WORK" --strip-components=2 \
      "$name"/scripts/{checkpatch.pl,spelling.txt,const_structs.checkpatch}
    mkdir "$WORK/checkpatch"
    mv "$WORK"/{checkpatch.pl,spelling.txt,const_structs.checkpatch} "$WORK/checkpatch"
    # Another run may have been faster; then its copy is as good.
    mv -T "$WORK/checkpatch" "$unpacked" 2>/dev/null || [ -d "$unpacked" ]
  fi
  echo "$unpacked/checkpatch.pl"
}

checkpatch() {
  local files
  cd "$ROOT"
  mapfile -t files < <(find kernel abi -name '*.[ch]' ! -name '*.mod.c' -o -name Kbuild -o -name Makefile)
  # Quiet, it still prints a total for each file that has something to say.
  perl "$1" --strict --no-tree --quiet --terse --no-summary --max-line-length=100 \
    --file "${files[@]}"
}

build() {
  # BTF would need the kernel's own vmlinux, and says so where there is none.
  make --silent -C "$ROOT/kernel" KDIR="$1" BUILD="$WORK/build${1//\//_}" W=1 C=2 \
    CONFIG_DEBUG_INFO_BTF_MODULES=
}

# The modules' own tests, in the copy that build has left: only a kernel with KUnit has them built, and
# Debian's have none. Without the last step, which would look for KUnit's functions.
build_tests() {
  make --silent -C "$1" M="$WORK/build${1//\//_}/kernel" W=1 C=2 KCFLAGS=-DCONFIG_KUNIT=1 \
    CF=-DCONFIG_KUNIT=1 mock-accel/mock-accel.o mock-accel-fabric/mock-accel-fabric.o
}

# Attributes and links that the sources make, against those that the ABI text describes.
documented() {
  local sources=$ROOT/kernel/mock-accel text=$ROOT/kernel/Documentation/ABI/testing/sysfs-class-mock-accel
  diff <(sed -n 's/^static DEVICE_ATTR_R[OW](\(.*\));/\1/p' "$sources/attributes.c" | sort) \
    <(sed -n 's,^What:.*/mockN/\([a-z_]*\)$,\1,p' "$text" | sort)
}

command -v sparse >/dev/null || give_up "no sparse: install sparse"
if [ -n "${KDIRS:-}" ]; then
  read -ra kernels <<<"$KDIRS"
else
  kernels=(/lib/modules/*/build)
fi
[ ${#kernels[@]} -gt 0 ] || give_up "no kernel headers: install linux-headers-amd64, or set KDIRS"
checkpatch_script=${CHECKPATCH:-$(unpack_checkpatch)}

check "checkpatch --strict" checkpatch "$checkpatch_script"
check "every attribute is documented" documented
for kernel in "${kernels[@]}"; do
  check "W=1 and sparse with $(make --silent -C "$kernel" kernelrelease)" build "$kernel"
done
check "the modules' own tests with $(make --silent -C "${kernels[-1]}" kernelrelease)" \
  build_tests "${kernels[-1]}"
exit $((failures > 0))
