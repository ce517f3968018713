#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fresh.sh [TARGET...]: makes a new, bare Debian 12 tree, clones this repository (HEAD) into it and
# runs the make targets there (default: demo test): the proof that nothing is missing from the
# set-up. ROUNDS=2 runs them again with the caches that the first round has filled. Needs root.
#
# The tree lives in FRESH_DIR (default a new folder below /var/tmp) and is removed at the end,
# unless KEEP=1. All that runs in it runs in namespaces of its own and ends with it.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
targets=${*:-demo test}
rounds=${ROUNDS:-1}
tree=${FRESH_DIR:-$(mktemp -d /var/tmp/mock-device-fresh.XXXXXX)}

[ "$(id -u)" -eq 0 ] || {
	echo "fresh: needs root, to make a tree and to enter it" >&2
	exit 1
}
[ -n "${KEEP:-}" ] || trap 'rm -rf --one-file-system "$tree"' EXIT
trap 'exit 130' INT TERM

echo "fresh: making a Debian 12 tree"
mkdir -p "$tree"
"$repository/scripts/debian-sources.sh" |
	mmdebstrap --quiet --variant=minbase --include=ca-certificates,git,make bookworm "$tree" -
# What the tree takes from this machine is its way to the network: the names of hosts, and the
# certificate authorities that were added here.
cp /etc/resolv.conf "$tree/etc/resolv.conf"
if [ -d /usr/local/share/ca-certificates ]; then
	cp -R /usr/local/share/ca-certificates/. "$tree/usr/local/share/ca-certificates/"
fi
chroot "$tree" update-ca-certificates >/dev/null 2>&1
mkdir -p "$tree/repository"

cat >"$tree/root/run" <<'EOF'
#!/bin/sh
set -eu
export HOME=/root LANG=C.UTF-8
unset XDG_CACHE_HOME XDG_RUNTIME_DIR
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /tmp
mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
git config --global --add safe.directory '*'
git clone --quiet /repository /root/mock-device
cd /root/mock-device
round=1
while [ "$round" -le "$ROUNDS" ]; do
	for target in $TARGETS; do
		started=$(date +%s)
		make "$target" </dev/null
		echo "fresh: make $target took $(($(date +%s) - started)) s (round $round)"
	done
	round=$((round + 1))
done
EOF

# shellcheck disable=SC2016 # the inner shell has its own words
# The last process of a PID namespace takes all others with it: nothing is left running.
TARGETS=$targets ROUNDS=$rounds unshare --mount --pid --fork --kill-child \
	sh -c '
		mount --make-rprivate /
		mount --bind "$1" "$1"
		mkdir -p "$1/dev/pts" "$1/dev/shm"
		for node in null zero full random urandom tty kvm net/tun; do
			[ -e "/dev/$node" ] || continue
			mkdir -p "$(dirname "$1/dev/$node")"
			[ -e "$1/dev/$node" ] || : >"$1/dev/$node"
			mount --bind "/dev/$node" "$1/dev/$node"
		done
		ln -sfn pts/ptmx "$1/dev/ptmx"
		mount --bind -o ro "$2" "$1/repository"
		exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TARGETS="$TARGETS" ROUNDS="$ROUNDS" \
			TERM="${TERM:-dumb}" chroot "$1" sh /root/run
	' fresh "$tree" "$repository"
echo "fresh: all of it works in a new Debian 12"
