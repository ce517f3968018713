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

/*
 * Engine: works through a ring of descriptors in the machine's memory, in order, one at a time.
 *
 * Software sets RING_BASE and RING_SIZE, then ENABLE in CONTROL; both are taken over then, HEAD
 * and TAIL become 0, and a base or size out of range halts the engine at once. Indices count on
 * without bound (mod 2^32): descriptor i lies at RING_BASE + (i mod RING_SIZE) * 64. A write to
 * TAIL, the doorbell, says that the descriptors before it are ready; HEAD is the first one that
 * the engine has not finished. TAIL is never more than RING_SIZE ahead of HEAD: a write that says
 * so halts the engine. What was written to memory before the doorbell, the engine reads; what it
 * wrote for a descriptor, and then the completion record, is in memory before HEAD and an
 * interrupt tell of it. Descriptors are finished in order, and so are their records.
 *
 * TAIL may be written in parts, of any size: the doorbell is the write that contains its highest
 * byte, so that goes last.
 *
 * Clearing ENABLE stops the engine at the next whole piece of work (at most 1 MiB): the
 * descriptor at work is given up without a completion record, BUSY is clear when that is done.
 * So does any reset. An engine that halted keeps HALTED and the reason in STATUS until ENABLE is
 * cleared; it raises its vector once. Errors of a single descriptor don't halt it.
 */
#define MOCK_ACCEL_REG_ENGINE_CONTROL	0x400	/* u32 rw: MOCK_ACCEL_ENGINE_ENABLE */
#define MOCK_ACCEL_REG_ENGINE_STATUS	0x404	/* u32 ro: _BUSY, _HALTED and the reason */
#define MOCK_ACCEL_REG_RING_BASE	0x408	/* u64 rw: multiple of 64 */
#define MOCK_ACCEL_REG_RING_SIZE	0x410	/* u32 rw: descriptors, a power of two, 2 to 4096 */
#define MOCK_ACCEL_REG_RING_HEAD	0x414	/* u32 ro */
#define MOCK_ACCEL_REG_RING_TAIL	0x418	/* u32 rw: doorbell */

#define MOCK_ACCEL_ENGINE_ENABLE	0x00000001
#define MOCK_ACCEL_ENGINE_BUSY		0x00000001
#define MOCK_ACCEL_ENGINE_HALTED	0x00000002
#define MOCK_ACCEL_ENGINE_REASON_SHIFT	8	/* 15:8 MOCK_ACCEL_HALT_* */

#define MOCK_ACCEL_HALT_BAD_RING	1	/* RING_BASE or RING_SIZE out of range */
#define MOCK_ACCEL_HALT_OVERRUN		2	/* TAIL more than RING_SIZE ahead of HEAD */
#define MOCK_ACCEL_HALT_FETCH		3	/* a descriptor could not be read */

#define MOCK_ACCEL_RING_MIN		2
#define MOCK_ACCEL_RING_MAX		4096

/**
 * struct mock_accel_descriptor - one piece of work for the engine, 64 bytes, little-endian
 * @operation: MOCK_ACCEL_OP_*
 * @flags: MOCK_ACCEL_DESCRIPTOR_*, others are an error
 * @reserved0: 0
 * @tag: whatever software likes; the completion record repeats it
 * @source: address of COPY and CRC32C
 * @destination: address of COPY and FILL
 * @length: bytes, up to MOCK_ACCEL_MAX_LENGTH
 * @operand: FILL: 8 bytes that are repeated, the lowest first; CRC32C: value to go on from, 0 at
 *	the start
 * @completion: address in the machine's memory of a struct mock_accel_completion, a multiple of
 *	32; 0: none. With any other the descriptor is not carried out and HEAD passes it, as there
 *	is nowhere to tell of the mistake
 * @reserved1: 0
 *
 * An address is one of the machine's memory as the device sees it, or with the flag an offset in
 * the device's memory. Source and destination of a COPY must not overlap; if they do, what the
 * destination holds is not defined.
 */
struct mock_accel_descriptor {
	__u8 operation;
	__u8 flags;
	__u16 reserved0;
	__u32 tag;
	__u64 source;
	__u64 destination;
	__u64 length;
	__u64 operand;
	__u64 completion;
	__u64 reserved1[2];
};

#define MOCK_ACCEL_OP_NOP		0
#define MOCK_ACCEL_OP_FILL		1
#define MOCK_ACCEL_OP_COPY		2
#define MOCK_ACCEL_OP_CRC32C		3	/* Castagnoli, as iSCSI has it (RFC 3720) */

#define MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE	 0x01
#define MOCK_ACCEL_DESCRIPTOR_DESTINATION_DEVICE 0x02
#define MOCK_ACCEL_DESCRIPTOR_INTERRUPT		 0x04	/* raise the vector when it is done */

#define MOCK_ACCEL_MAX_LENGTH		0x40000000	/* 1 GiB */

/**
 * struct mock_accel_completion - what became of a descriptor, 32 bytes, little-endian
 * @status: MOCK_ACCEL_DONE_*; never 0, so that software can wait for it to change
 * @tag: of the descriptor
 * @bytes: that were worked through before the end or the error
 * @result: CRC32C: the value; else 0
 * @reserved: 0
 */
struct mock_accel_completion {
	__u32 status;
	__u32 tag;
	__u64 bytes;
	__u64 result;
	__u64 reserved;
};

#define MOCK_ACCEL_DONE_OK		1
#define MOCK_ACCEL_DONE_BAD_OPERATION	2
#define MOCK_ACCEL_DONE_BAD_FLAGS	3	/* unknown flags, reserved not 0 */
#define MOCK_ACCEL_DONE_BAD_LENGTH	4
#define MOCK_ACCEL_DONE_BAD_RANGE	5	/* not all within the device's memory */
#define MOCK_ACCEL_DONE_DMA_FAULT	6	/* the machine's memory could not be reached */
#define MOCK_ACCEL_DONE_NO_MEMORY	7	/* the host has no memory left for the device's */
#define MOCK_ACCEL_DONE_FAILED		8	/* the device's health is failed */
#define MOCK_ACCEL_DONE_ABORTED		9	/* by the driver: the engine was reset meanwhile */

/* 0x500-0x6ff is for shares. It reads 0 in this version. */

#define MOCK_ACCEL_MSIX_TABLE		0x800
#define MOCK_ACCEL_MSIX_PBA		0xc00

/* MSI-X vectors of a function. */
#define MOCK_ACCEL_VECTOR_EVENT		0	/* HEALTH, TEMPERATURE or ERROR_COUNT changed */
#define MOCK_ACCEL_VECTOR_ENGINE	1	/* a descriptor asked, or a halt */
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

/**
 * struct mock_accel_buffer - memory that a program shares with the engine
 * @size: in: bytes, up to MOCK_ACCEL_MAX_BUFFER; out: in whole pages
 * @offset: out: where mmap() of the file finds it, and its address in struct mock_accel_work
 *
 * The memory is zeroed, and lives until the file is closed and all maps are gone. A file has up
 * to MOCK_ACCEL_MAX_BUFFERS. EINVAL: no such size; ENOSPC: too many; ENOMEM.
 */
struct mock_accel_buffer {
	__u64 size;
	__u64 offset;
};

#define MOCK_ACCEL_MAX_BUFFER	0x400000	/* 4 MiB */
#define MOCK_ACCEL_MAX_BUFFERS	16

/**
 * struct mock_accel_work - something for the engine to do
 * @operation: MOCK_ACCEL_OP_*
 * @flags: MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE, _DESTINATION_DEVICE
 * @length: bytes
 * @source: address: in the file's buffers (offset of one, and the place in it), or with the flag
 *	an offset in the device's memory
 * @destination: likewise
 * @operand: as in struct mock_accel_descriptor
 * @id: out: names the work for MOCK_ACCEL_IOC_WAIT; counts from 1 for each file
 *
 * EINVAL: an operation or flag that there is not; EFAULT: an address that is not within one
 * buffer. What only the device can judge ends in the work's status. Blocks while the ring is
 * full; EAGAIN instead with O_NONBLOCK; EINTR. ENOSPC: the file has MOCK_ACCEL_MAX_WORKS that
 * nobody has waited for.
 */
struct mock_accel_work {
	__u32 operation;
	__u32 flags;
	__u64 length;
	__u64 source;
	__u64 destination;
	__u64 operand;
	__u64 id;
};

#define MOCK_ACCEL_MAX_WORKS	1024

/**
 * struct mock_accel_wait - waits for a work and takes its result
 * @id: in: of the work, 0: of whichever is done first; out: which it was
 * @timeout_ms: in: milliseconds, -1: for ever, 0: not at all
 * @status: out: MOCK_ACCEL_DONE_*
 * @bytes: out: as in struct mock_accel_completion
 * @result: out: likewise
 *
 * ENOENT: no such work, or its result was taken; ETIMEDOUT; EINTR. The work goes on in both.
 */
struct mock_accel_wait {
	__u64 id;
	__s32 timeout_ms;
	__u32 status;
	__u64 bytes;
	__u64 result;
};

/**
 * struct mock_accel_passphrase - has the device make a passphrase
 * @words: in: MOCK_ACCEL_PASSPHRASE_MIN_WORDS to _MAX_WORDS
 * @reserved: 0
 * @text: out: ended by a NUL
 *
 * EINVAL: no such number of words; EIO: the device could not.
 */
struct mock_accel_passphrase {
	__u32 words;
	__u32 reserved;
	char text[MOCK_ACCEL_PASSPHRASE_SIZE];
};

#define MOCK_ACCEL_IOC_BUFFER	_IOWR(MOCK_ACCEL_IOC_MAGIC, 0x01, struct mock_accel_buffer)
#define MOCK_ACCEL_IOC_SUBMIT	_IOWR(MOCK_ACCEL_IOC_MAGIC, 0x02, struct mock_accel_work)
#define MOCK_ACCEL_IOC_WAIT	_IOWR(MOCK_ACCEL_IOC_MAGIC, 0x03, struct mock_accel_wait)
/* An eventfd that is signalled whenever a work of this file is done; -1: none any more. */
#define MOCK_ACCEL_IOC_EVENTFD	_IOW(MOCK_ACCEL_IOC_MAGIC, 0x04, __s32)
#define MOCK_ACCEL_IOC_PASSPHRASE _IOWR(MOCK_ACCEL_IOC_MAGIC, 0x05, struct mock_accel_passphrase)

#endif /* MOCK_ACCEL_H */
