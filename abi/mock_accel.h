/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * mock-accel: what the device, its kernel driver and programs agree on.
 *
 * One header for three readers: the device model in user space (C++), the kernel module (C) and
 * programs that open /dev/mockN. All registers are little-endian. An access may have any size and
 * alignment: it does what its bytes do one after the other, in rising order. What is not listed
 * here reads 0 and ignores writes. A device that is gone reads all ones, as PCI has it.
 */
#ifndef MOCK_ACCEL_H
#define MOCK_ACCEL_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* PCI identity: defaults, settings of the server. */
#define MOCK_ACCEL_PCI_VENDOR		0x1de5
#define MOCK_ACCEL_PCI_DEVICE_PF	0x0001
#define MOCK_ACCEL_PCI_DEVICE_VF	0x0002
#define MOCK_ACCEL_PCI_CLASS		0x120000 /* processing accelerator */

/*
 * The number that says what fits together. It grows by one when a register, an attribute or an
 * ioctl changes its meaning; additions that old software may ignore do not count.
 */
#define MOCK_ACCEL_ABI_VERSION		1

#define MOCK_ACCEL_MAX_VFS		64	/* of one PF */

/* BAR0: registers, and the MSI-X table and pending bits at its upper half. */
#define MOCK_ACCEL_BAR			0
#define MOCK_ACCEL_BAR_SIZE		0x1000

#define MOCK_ACCEL_REG_DEVICE_ID	0x000	/* u32 ro: MOCK_ACCEL_MAGIC */
#define MOCK_ACCEL_REG_REVISION		0x004	/* u32 ro: 16.16 hardware revision */
#define MOCK_ACCEL_REG_UUID		0x008	/* 16 bytes ro: RFC 9562 order */
#define MOCK_ACCEL_REG_FUNCTION		0x018	/* u32 ro: MOCK_ACCEL_FUNCTION_* */
#define MOCK_ACCEL_REG_ABI		0x01c	/* u32 ro: MOCK_ACCEL_ABI_VERSION */
#define MOCK_ACCEL_REG_MEMORY_SIZE	0x020	/* u64 ro: bytes */
#define MOCK_ACCEL_REG_CAPABILITIES	0x028	/* u32 ro: MOCK_ACCEL_CAP_* */
#define MOCK_ACCEL_REG_STATUS		0x02c	/* u32 rw: MOCK_ACCEL_STATUS_* */
#define MOCK_ACCEL_REG_FW_VERSION	0x030	/* u32 ro: major 31:24, minor 23:16, patch 15:0 */
#define MOCK_ACCEL_REG_HEALTH		0x034	/* u32 ro: MOCK_ACCEL_HEALTH_* */
#define MOCK_ACCEL_REG_TEMPERATURE	0x038	/* s32 ro: thousandths of a degree Celsius */
#define MOCK_ACCEL_REG_ERROR_COUNT	0x03c	/* u32 ro: errors since power-on, saturating */
#define MOCK_ACCEL_REG_OWNER		0x040	/* 16 bytes rw: claim UID, RFC 9562 order; or 0 */

#define MOCK_ACCEL_MAGIC		0x4b434f4d /* "MOCK" in memory order */
#define MOCK_ACCEL_REVISION		0x00010000

#define MOCK_ACCEL_FUNCTION_VF		0x00000001 /* a VF; else a PF */
#define MOCK_ACCEL_FUNCTION_VF_SHIFT	16	/* 31:16 number of the VF, from 0 */

#define MOCK_ACCEL_CAP_COMPUTE		0x00000001
#define MOCK_ACCEL_CAP_ENCRYPTION	0x00000002
#define MOCK_ACCEL_CAP_COMPRESSION	0x00000004
#define MOCK_ACCEL_CAP_P2P		0x00000008

/*
 * Allocation. Every write to OWNER sets STATUS: allocated if any of the 16 bytes is then non-zero,
 * else free. STATUS may also be written directly (bit 0 counts), for use without an owner; writing
 * 0 clears OWNER as well. The device does not arbitrate between owners: its driver does, and is
 * the only one that sees it. A reset of any kind frees the device. Whatever frees it or changes
 * OWNER wipes the device memory and the passphrase.
 */
#define MOCK_ACCEL_STATUS_FREE		0
#define MOCK_ACCEL_STATUS_ALLOCATED	1

#define MOCK_ACCEL_HEALTH_HEALTHY	0
#define MOCK_ACCEL_HEALTH_DEGRADED	1
#define MOCK_ACCEL_HEALTH_FAILED	2

/*
 * Passphrase generator. Write the number of words to LENGTH, then GENERATE to CMD; STATUS says
 * READY with the text in TEXT, or ERROR for a length out of range or a host without random
 * numbers, which leaves TEXT and COUNT as they were. The text is lower-case words joined by '-',
 * ended by a NUL. Of CMD the lowest byte counts; it reads 0.
 */
#define MOCK_ACCEL_REG_PASSPHRASE_CMD	 0x100	/* u32 wo: MOCK_ACCEL_PASSPHRASE_GENERATE, _CLEAR */
#define MOCK_ACCEL_REG_PASSPHRASE_LENGTH 0x104	/* u32 rw: words, 6 after reset */
#define MOCK_ACCEL_REG_PASSPHRASE_STATUS 0x108	/* u32 ro: MOCK_ACCEL_PASSPHRASE_STATUS_* */
#define MOCK_ACCEL_REG_PASSPHRASE_COUNT	 0x10c	/* u32 ro: passphrases made since reset */
#define MOCK_ACCEL_REG_PASSPHRASE_TEXT	 0x200	/* 256 bytes ro */

#define MOCK_ACCEL_PASSPHRASE_GENERATE	1
#define MOCK_ACCEL_PASSPHRASE_CLEAR	2	/* wipes TEXT, STATUS becomes IDLE */

#define MOCK_ACCEL_PASSPHRASE_STATUS_IDLE  0
#define MOCK_ACCEL_PASSPHRASE_STATUS_READY 1
#define MOCK_ACCEL_PASSPHRASE_STATUS_ERROR 2

#define MOCK_ACCEL_PASSPHRASE_MIN_WORDS	4
#define MOCK_ACCEL_PASSPHRASE_MAX_WORDS	12
#define MOCK_ACCEL_PASSPHRASE_SIZE	256	/* bytes of TEXT, with the NUL */

/* 0x400-0x4ff is for the engine, 0x500-0x6ff for shares. Both read 0 in this version. */

#define MOCK_ACCEL_MSIX_TABLE		0x800
#define MOCK_ACCEL_MSIX_PBA		0xc00

/* MSI-X vectors of a function. */
#define MOCK_ACCEL_VECTOR_EVENT		0	/* HEALTH, TEMPERATURE or ERROR_COUNT changed */
#define MOCK_ACCEL_VECTOR_ENGINE	1	/* for the engine */
#define MOCK_ACCEL_VECTORS		2

/* /dev/mockN, /dev/mockN_vfM. Every ioctl gives ENODEV once the device is gone. */
#define MOCK_ACCEL_IOC_MAGIC		0xb5

/**
 * struct mock_accel_info - what a device is
 * @uuid: identity, RFC 9562 order
 * @memory_size: bytes of device memory
 * @abi_version: MOCK_ACCEL_ABI_VERSION of the device
 * @capabilities: MOCK_ACCEL_CAP_*
 * @fw_version: as in MOCK_ACCEL_REG_FW_VERSION
 * @function: as in MOCK_ACCEL_REG_FUNCTION
 * @numa_node: the NUMA node that the device is near to, -1: none
 * @reserved: 0
 */
struct mock_accel_info {
	__u8 uuid[16];
	__u64 memory_size;
	__u32 abi_version;
	__u32 capabilities;
	__u32 fw_version;
	__u32 function;
	__s32 numa_node;
	__u32 reserved;
};

#define MOCK_ACCEL_IOC_INFO	_IOR(MOCK_ACCEL_IOC_MAGIC, 0x00, struct mock_accel_info)

#endif /* MOCK_ACCEL_H */
