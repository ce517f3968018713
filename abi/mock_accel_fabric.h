/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * mock-accel-fabric: what the bridge and its kernel driver agree on.
 *
 * The bridge is one PCI function that carries a PCI segment of its own: the segment's
 * configuration space in one BAR, its memory in another, and the interrupts of its functions
 * through its own. The driver gives the segment to the PCI core, which finds root ports,
 * accelerators and their virtual functions there.
 *
 * All registers are little-endian. What is not listed here reads 0 and ignores writes.
 */
#ifndef MOCK_ACCEL_FABRIC_H
#define MOCK_ACCEL_FABRIC_H

/* PCI identity: vendor as in mock_accel.h; the device id is a setting of the server. */
#define MOCK_FABRIC_PCI_DEVICE		0x00fb
#define MOCK_FABRIC_PCI_DEVICE_PORT	0x00fc	/* of the root ports on the segment */
#define MOCK_FABRIC_PCI_CLASS		0x088000 /* system peripheral */

/* Grows by one when a register changes its meaning. */
#define MOCK_FABRIC_ABI_VERSION		1

/*
 * BAR 0: configuration space of the segment as ECAM (PCIe 6.0 section 7.2.2), one MiB a bus, bus 0
 * first. BAR 2: the segment's memory window. Functions on the segment hold addresses as the
 * driver's machine has them, so that WINDOW tells the bridge where its BAR 2 starts.
 */
#define MOCK_FABRIC_BAR_CONFIG		0
#define MOCK_FABRIC_BAR_WINDOW		2
#define MOCK_FABRIC_BAR_REGISTERS	4
#define MOCK_FABRIC_REGISTERS_SIZE	0x4000

#define MOCK_FABRIC_REG_MAGIC		0x000	/* u32 ro: MOCK_FABRIC_MAGIC */
#define MOCK_FABRIC_REG_ABI		0x004	/* u32 ro: MOCK_FABRIC_ABI_VERSION */
#define MOCK_FABRIC_REG_BUSES		0x008	/* u32 ro: buses of the segment, 1 to 256 */
#define MOCK_FABRIC_REG_SEGMENT		0x00c	/* u32 ro: number that it asks for, 1 to 0xffff */
#define MOCK_FABRIC_REG_VECTORS		0x010	/* u32 rw: MSI-X vectors in use; 0 after reset */
#define MOCK_FABRIC_REG_WINDOW		0x018	/* u64 rw: address of BAR 2; 0 after reset */

#define MOCK_FABRIC_MAGIC		0x46434f4d /* "MOCF" in memory order */

/*
 * Interrupts. A function on the segment interrupts by a message (MSI or MSI-X) to
 * MOCK_FABRIC_MSI_ADDRESS whose data is a number below MOCK_FABRIC_INTERRUPTS; other messages
 * are lost. The bridge sets bit (number % 64) of word (number / 64), and if the bit was clear
 * raises its own MSI-X vector (number / 64) % VECTORS. While VECTORS is 0 it only sets the bit.
 * A read of a word gives its bits and clears those in the bytes that are read. Writing VECTORS
 * raises every vector that has a word with bits, and so misses nothing.
 */
#define MOCK_FABRIC_REG_PENDING		0x100	/* MOCK_FABRIC_WORDS u64, read clears */
#define MOCK_FABRIC_WORDS		32
#define MOCK_FABRIC_INTERRUPTS		2048
#define MOCK_FABRIC_MSI_ADDRESS		0x4d4f0000

#define MOCK_FABRIC_VECTORS		32	/* MSI-X vectors of the bridge */
#define MOCK_FABRIC_MSIX_TABLE		0x2000
#define MOCK_FABRIC_MSIX_PBA		0x3000

#endif /* MOCK_ACCEL_FABRIC_H */
