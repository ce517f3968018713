# SPDX-License-Identifier: Apache-2.0
"""A folder that looks like the sysfs of a machine with accelerators."""

from pathlib import Path

USUAL = {
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
    "memory_size": 16 << 30,
    "capabilities": "0x00000003",
    "status": 0,
    "owner": "",
    "numa_node": 0,
    "fw_version": "1.0.0",
    "abi_version": 1,
    "health": "healthy",
    "temperature": 45000,
    "error_count": 0,
}


class Sysfs:
    """The module is loaded; devices come by add()."""

    def __init__(self, root: Path):
        self.root = root
        self.class_folder = root / "class" / "mock-accel"
        self.class_folder.mkdir(parents=True)

    def add(self, name, pci, physfn=None, **attributes):
        """A device below /sys/devices/`pci`; a VF names its PF."""
        folder = self.root / "devices" / pci / "mock-accel" / name
        folder.mkdir(parents=True)
        if physfn:
            kind = {"device_type": "vf"}
            (folder / "physfn").symlink_to((self.class_folder / physfn).resolve())
        else:
            kind = {"device_type": "pf", "sriov_totalvfs": 0, "sriov_numvfs": 0}
        for attribute, value in (USUAL | kind | attributes).items():
            (folder / attribute).write_text(f"{value}\n")
        (folder / "device").symlink_to("../..")
        (self.class_folder / name).symlink_to(folder)

    def add_numa_node(self, number, cpus, socket):
        """One with these CPUs, "2-3", of which the first is in this socket."""
        system = self.root / "devices" / "system"
        topology = system / "cpu" / f"cpu{cpus.partition('-')[0]}" / "topology"
        for folder in (system / "node" / f"node{number}", topology):
            folder.mkdir(parents=True)
        (system / "node" / f"node{number}" / "cpulist").write_text(f"{cpus}\n")
        (topology / "physical_package_id").write_text(f"{socket}\n")

    def remove(self, name):
        """It is no more: a card that was pulled, or a VF that was taken away."""
        (self.class_folder / name).unlink()

    def put_back(self, name):
        """One that was removed. It has been reset."""
        [folder] = self.root.glob(f"devices/**/mock-accel/{name}")
        (folder / "owner").write_text("\n")
        (self.class_folder / name).symlink_to(folder)

    def set(self, name, attribute, value):
        """At once: who reads it meanwhile has the old value or the new one."""
        path = self.class_folder / name / attribute
        path.with_suffix(".new").write_text(f"{value}\n")
        path.with_suffix(".new").rename(path)
