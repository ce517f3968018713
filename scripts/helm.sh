#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the path of a Helm, which is built the first time: some minutes, into the cache. Usage:
# helm.sh [3.14|3|4]; 3.14 is the oldest that the chart is for, the others are the newest.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$here/../lab/helm/build

case ${1:-3} in
3.14) version=3.14.4 ;;
3) version=3.22.0 ;;
4) version=4.3.1 ;;
*)
	echo "helm.sh: there are 3.14, 3 and 4" >&2
	exit 2
	;;
esac

cache=${XDG_CACHE_HOME:-$HOME/.cache}/mock-device
key=$(cat "$build" "$here/../lab/go/toolchain" | sha256sum | cut -c1-12)
folder=$cache/helm-$version-$key
mkdir -p "$cache"
# Of two runs at a time, one builds and the other waits.
exec 9>"$folder.lock"
flock 9
if [ ! -x "$folder/helm" ]; then
	if ! go=$(command -v go); then
		echo "helm.sh: no go; it is in Debian's package golang-go" >&2
		exit 1
	fi
	echo "helm.sh: building Helm $version, once" >&2
	rm -rf "$folder.new"
	mkdir "$folder.new"
	"$build" "$version" "$folder.new" "$go" >&2
	mv "$folder.new" "$folder"
fi
echo "$folder/helm"
