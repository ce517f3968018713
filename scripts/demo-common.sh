# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What the demos have in common. They set `lab`, the name of their lab, and are left with nothing of
# it running, however they end.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m') plain=$(printf '\033[0m')
else
	bold='' plain=''
fi

title() {
	printf '\n%s── %s%s\n' "$bold" "$*" "$plain"
}

# shellcheck disable=SC2154 # the demos set it
clean_up() {
	mock-device down --lab "$lab" >/dev/null 2>&1 || test "$?" -eq 1
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
