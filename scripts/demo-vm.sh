#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A guest with NUMA-placed accelerators, looked at from inside.
# Can be interrupted at any point and run again; leaves nothing running.
set -eu
cd "$(dirname "$0")/.."

PATH=$PWD/build/release/bin:$PATH
lab=demo
device=/sys/class/mock-accel/mock0
first=11111111-2222-4333-8444-555555555555
second=99999999-8888-4777-8666-555555555555

# shellcheck source=scripts/demo-common.sh
. scripts/demo-common.sh

in_guest() {
	mock-device exec --lab "$lab" -- "$@"
}

# Shows a command as a user of the guest would type it, and runs it there.
show() {
	printf 'guest# %s\n' "$*"
	in_guest bash -c "$*"
}

show_refusal() {
	printf 'guest# %s\n' "$*"
	if in_guest bash -c "{ $*; } 2>&1"; then
		echo "demo: that should have been refused" >&2
		exit 1
	fi
}

wait_for() {
	in_guest sh -c "for try in \$(seq 300); do $1 && exit 0; sleep 0.1; done; exit 1"
}

clean_up
title "A machine with two NUMA nodes and four accelerators"
mock-device up --lab "$lab" --topology two-numa

title "Where they stand, seen from inside the guest"
show mock-device topology
show mock-device devices
show lspci -d 1de5:

title "Virtual functions, made by the guest's own PCI core"
show "echo 2 > $device/sriov_numvfs"
show ls -l /sys/class/mock-accel
show mock-device-workload verify mock0_vf0 mock0_vf1
show "echo 0 > $device/sriov_numvfs"

title "A card is pulled out of its slot, and put back"
echo "host\$ mock-device unplug mock1"
mock-device unplug --lab "$lab" mock1
wait_for '! test -e /sys/class/mock-accel/mock1'
show ls /sys/class/mock-accel
echo "host\$ mock-device plug mock1"
mock-device plug --lab "$lab" mock1
wait_for 'test -e /sys/class/mock-accel/mock1'
show "dmesg | grep pciehp | tail -n 4"

title "One owner at a time"
show "echo $first > $device/owner"
show cat "$device/status" "$device/owner"
show_refusal "echo $second > $device/owner"
show "echo > $device/owner"
show cat "$device/status"

title "A fault from the host"
in_guest systemd-run --quiet --unit=demo-uevents --property=StandardOutput=file:/run/uevents \
	udevadm monitor --kernel --property --subsystem-match=mock-accel
wait_for 'grep -q KERNEL /run/uevents'
show cat "$device/health"
echo "host\$ mock-device fault mock0 degraded"
mock-device fault --lab "$lab" mock0 degraded
wait_for 'grep -q HEALTH= /run/uevents'
show cat "$device/health"
echo "the uevent that arrived:"
in_guest sed -n '/^KERNEL\[/,/^$/p' /run/uevents
echo "host\$ mock-device heal mock0"
mock-device heal --lab "$lab" mock0
wait_for "grep -q healthy $device/health"
show cat "$device/health"

title "Power off"
mock-device down --lab "$lab"
trap - EXIT

cat <<EOF

That was a real kernel with real PCI devices. To keep such a guest:

    export PATH=$PWD/build/release/bin:\$PATH
    mock-device up                       # start it; the topology is yours: --topology FILE
    mock-device exec                     # a shell inside (or: mock-device exec -- lspci)
    mock-device fault mock0 degraded     # faults, from the host
    mock-device unplug mock1             # pulls a card out; plug puts it back
    mock-device down                     # stop it, leave nothing behind
EOF
