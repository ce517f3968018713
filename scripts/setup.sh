#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages of packages.txt, or of the file that is named, that are missing, and says
# which. Does nothing, and needs no rights, where all are there. Usage: setup.sh [FILE]
set -eu

list=${1:-$(dirname "$0")/packages.txt}

wanted() {
	grep -v -e '^#' -e '^$' "$list"
}

installed() {
	dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' 2>/dev/null |
		sed -n 's/^installed //p'
}

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "setup: needs root once, to run: $*" >&2
		exit 1
	fi
}

if ! command -v apt-get >/dev/null; then
	echo "setup: not a Debian system; install what corresponds to $list by hand" >&2
	exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
wanted | sort >"$work/wanted"
installed | sort >"$work/installed"
missing=$(comm -23 "$work/wanted" "$work/installed" | tr '\n' ' ')
[ -n "$missing" ] || exit 0

echo "setup: installing $missing"
as_root apt-get update -qq
# shellcheck disable=SC2086 # one word a package
as_root env DEBIAN_FRONTEND=noninteractive \
	apt-get install -qq -y --no-install-recommends $missing >"$work/log" 2>&1 || {
	tail -n 20 "$work/log" >&2
	exit 1
}
