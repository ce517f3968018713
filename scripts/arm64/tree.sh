#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a folder of Debian packages that are unpacked and never configured, and prints its name. It is kept in
# the cache, named by what it is made of. Needs no root.
# Usage: tree.sh sysroot|qemu, tree.sh guest|headers 6.1|6.12
set -eu
here=$(dirname "$0")
what=$1
kernel=${2:-}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/mock-device
name=arm64-$what${kernel:+-$kernel}-$(cat "$here"/*-packages.txt "$here/record" "$0" | sha256sum | cut -c1-16)
tree=$cache/$name

sources() {
	"$here/../debian-sources.sh"
}

# Debian 13 from the same mirror.
newer_sources() {
	site=$(sources | sed -n 's/^deb \(\S*\) bookworm main$/\1/p' | head -n 1)
	printf 'deb %s trixie main\ndeb %s trixie-backports main\n' "$site" "$site"
}

unpack() {
	architecture=$1
	suite=$2
	shift 2
	packages=$(grep -v -e '^#' -e '^$' "$here/$what-packages.txt" | paste -sd,)
	mmdebstrap --quiet --architectures="$architecture" --variant=extract --include="$packages" "$@" \
		"$suite" "$work/tree" -
}

# Generators of code, which CMake's files of the libraries name, are this machine's. Absolute links lead out of
# the tree, and the linker would take the static library instead.
make_sysroot() {
	sources | unpack arm64 bookworm --extract-hook="$here/record"
	find "$work/tree" -type l -lname '/*' | while read -r link; do
		ln -sfn "$(realpath --no-symlinks --relative-to="$(dirname "$link")" \
			"$work/tree$(readlink "$link")")" "$link"
	done
	ln -sf /usr/bin/protoc /usr/bin/grpc_*_plugin "$work/tree/usr/bin/"
}

# Debian's own kernel has no version in its package's name.
make_guest() {
	case $kernel in
	6.1) image=linux-image-arm64 ;;
	*) image=linux-image-$kernel-arm64 ;;
	esac
	sources | unpack arm64 bookworm --include="$image"
}

make_qemu() {
	newer_sources | unpack amd64 trixie --aptopt='APT::Default-Release "trixie-backports"'
}

# An apt of its own, which knows both architectures: this machine's stays as it is.
make_headers() {
	mkdir -p "$work/apt/lists/partial" "$work/apt/archives/partial" "$work/tree"
	sources >"$work/apt/sources.list"
	: >"$work/apt/status"
	private_apt() {
		apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
			-o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=- \
			-o Dir::State::lists="$work/apt/lists" -o Dir::State::status="$work/apt/status" \
			-o Dir::Cache="$work/apt" "$@"
	}
	private_apt update
	image=$(basename "$("$here/tree.sh" guest "$kernel")"/boot/vmlinuz-*)
	release=${image#vmlinuz-}
	common=${release%-arm64}
	(cd "$work/apt" && private_apt download "linux-headers-$release" "linux-headers-$common-common")
	for package in "$work"/apt/*.deb; do
		dpkg-deb --extract "$package" "$work/tree"
	done
	# Both refer to where packages are installed. The programs that come with headers are this machine's own.
	headers=$work/tree/usr/src
	programs=$(dirname "$(readlink "$headers/linux-headers-$common-common/scripts")")
	mkdir -p "$work/tree/usr/lib"
	ln -s "/usr/lib/$(basename "$programs")" "$work/tree/usr/lib/"
	sed -i "s#/usr/src#$tree/usr/src#" "$headers/linux-headers-$release/Makefile"
	ln -sfn "linux-headers-$release" "$headers/linux-headers"
}

mkdir -p "$cache"
exec 9>"$tree.lock"
flock 9
if [ ! -d "$tree" ]; then
	work=$(mktemp -d "$cache/$name.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	trap 'exit 130' INT TERM
	echo "arm64: unpacking Debian's packages ($what)" >&2
	"make_$what" >&2
	chmod 755 "$work/tree"
	mv "$work/tree" "$tree"
fi
echo "$tree"
