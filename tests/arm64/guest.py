# SPDX-License-Identifier: Apache-2.0
"""An arm64 machine with accelerators on two NUMA nodes, for one shell script. It has no disk: what it needs is in its
initramfs, and what it has to say comes over its serial port. Its kernel and what else it has of Debian are in a tree,
the modules for that kernel in a folder of their own."""

import os
import shutil
import subprocess
from pathlib import Path

from lab import PATIENCE, PROGRAMS, ROOT, eventually

BUILT = ROOT / "build" / "arm64"
LIBRARIES = "usr/lib/aarch64-linux-gnu"

# Devices are there when insmod of the fabric is done, or soon after.
INIT = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /usr/bin /sbin
/bin/busybox --install -s
export PATH=/bin:/usr/bin:/sbin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec >/dev/ttyAMA0 2>&1
insmod /lib/modules/*/mock-accel.ko
insmod /lib/modules/*/mock-accel-fabric.ko
echo; echo "begin"
sh -e /script && echo "end: well" || echo "end: failed"
sync
poweroff -f
"""


def initramfs(folder, guest_tree, built_modules, script):
    """Packs it, and gives its path."""
    root = folder / "root"
    for place in ("bin", "lib", "usr/share/misc"):
        (root / place).mkdir(parents=True)
    shutil.copy2(guest_tree / "bin/busybox", root / "bin/busybox")
    shutil.copy2(guest_tree / "usr/bin/lspci", root / "bin/lspci")
    shutil.copy2(guest_tree / "usr/share/misc/pci.ids", root / "usr/share/misc/pci.ids")
    shutil.copy2(BUILT / "bin/mock-device-workload", root / "bin/mock-device-workload")
    # Debian's arm64 has its libraries below /usr, and the loader by its name in /lib.
    shutil.copytree(guest_tree / LIBRARIES, root / LIBRARIES, symlinks=True,
                    ignore=lambda _, names: [name for name in names if ".so" not in name])
    merged = guest_tree / "lib/aarch64-linux-gnu"
    shutil.copytree(merged, root / LIBRARIES, symlinks=True, dirs_exist_ok=True,
                    ignore=lambda _, names: [name for name in names if ".so" not in name])
    (root / "lib/aarch64-linux-gnu").symlink_to(f"/{LIBRARIES}")
    (root / "lib/ld-linux-aarch64.so.1").symlink_to(f"/{LIBRARIES}/ld-linux-aarch64.so.1")
    # lspci names drivers by what depmod writes.
    release = next((guest_tree / "boot").glob("vmlinuz-*")).name.removeprefix("vmlinuz-")
    modules = root / "lib/modules" / release
    modules.mkdir(parents=True)
    for module in built_modules.glob("kernel/*/*.ko"):
        shutil.copy2(module, modules / module.name)
    subprocess.run(["depmod", "-b", root, release], check=True, capture_output=True)
    (root / "script").write_text(script)
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    image = folder / "initramfs.cpio"
    names = subprocess.run(["find", "."], cwd=root, check=True, capture_output=True).stdout
    with image.open("wb") as output:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=root, input=names, stdout=output,
                       check=True)
    return image


def command(qemu_tree, guest_tree, image, sockets):
    """QEMU, by its tree's own loader, with one bridge on each of two NUMA nodes."""
    # NUMA nodes take ACPI, so firmware; the first GIC with enough MSI vectors is version 3 with ITS. The host
    # bridges are made in reverse order, since the firmware counts them from the last.
    nodes = [word for number in (0, 1) for word in (
        "-object", f"memory-backend-memfd,id=m{number},size=512M,share=on",
        "-numa", f"node,nodeid={number},cpus={number},memdev=m{number}")]
    buses = [word for number in (1, 0) for word in (
        "-device", f"pxb-pcie,id=pxb{number},bus=pcie.0,bus_nr={16 * (number + 1)},numa_node={number}")]
    # Linux places BARs anew on arm64, in windows of the firmware's size, and less tightly than the firmware does.
    bridges = [word for number in (0, 1) for word in (
        "-device", f"pcie-root-port,id=rp{number},bus=pxb{number},chassis={number + 1},pref64-reserve=64M",
        "-device", '{"driver":"vfio-user-pci","bus":"rp%d","socket":{"type":"unix","path":"%s"}}'
        % (number, sockets[number]))]
    libraries = qemu_tree / "usr/lib/x86_64-linux-gnu"
    return [libraries / "ld-linux-x86-64.so.2", "--library-path", libraries,
            qemu_tree / "usr/bin/qemu-system-aarch64", "-L", qemu_tree / "usr/share/qemu",
            "-machine", "virt,gic-version=3,its=on", "-accel", "tcg,thread=multi", "-cpu", "max",
            "-smp", "2,sockets=2", "-m", "1G", *nodes,
            "-bios", qemu_tree / "usr/share/qemu-efi-aarch64/QEMU_EFI.fd", "-nodefaults",
            "-display", "none", "-serial", "stdio", "-no-reboot",
            "-kernel", next((guest_tree / "boot").glob("vmlinuz-*")), "-initrd", image,
            "-append", "console=ttyAMA0 quiet", *buses, *bridges]


def run(folder, topology, qemu_tree, guest_tree, built_modules, script):
    """Boots the machine `node0` of a topology and gives what the script said."""
    sockets = folder / "s"
    sockets.mkdir()
    server = subprocess.Popen([PROGRAMS / "mock-accel-server", "--topology", topology, "--socket-dir",
                               sockets], stdin=subprocess.DEVNULL)
    try:
        eventually(lambda: len(list(sockets.glob("node0-numa*.sock"))) == 2, "the server's sockets")
        paths = sorted(sockets.glob("node0-numa*.sock"))
        image = initramfs(folder, guest_tree, built_modules, script)
        done = subprocess.run([*map(str, command(qemu_tree, guest_tree, image, paths))], text=True,
                              errors="replace", stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=PATIENCE, check=False)
    finally:
        server.terminate()
        server.wait(PATIENCE)
    said = done.stdout.replace("\r", "")
    assert "\nbegin\n" in said, said[-4000:] + done.stderr
    return said.partition("\nbegin\n")[2]
