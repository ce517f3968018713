/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mock-accel: what the driver's files share.
 *
 * pci.c		binds, resets and unbinds a function
 * sriov.c		VFs on demand
 * device.c		its device in class mock-accel: name, links, life
 * numbers.c		numbers in names and of nodes
 * registers.c		register access, and what happens when a device stops answering
 * allocation.c		who holds a device
 * events.c		interrupts, uevents, poll notification
 * attributes.c		sysfs
 * cdev.c		/dev/mockN
 * context.c		an open file's context: its life, its signals
 * buffer.c		memory that programs share with the engine
 * work.c		works: checked, given to the engine, waited for
 * engine.c		the engine and its ring
 * passphrase.c		the passphrase generator
 */
#ifndef MOCK_ACCEL_DRV_H
#define MOCK_ACCEL_DRV_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/uuid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "mock_accel.h"

/**
 * enum mock_state - what may be done with a device's registers
 * @MOCK_LIVE: everything
 * @MOCK_FROZEN: nothing until the PCI core has recovered the device from an error
 * @MOCK_DEAD: nothing until a reset: the device read all ones
 * @MOCK_REMOVED: nothing, ever: the driver has let go of the device
 */
enum mock_state {
	MOCK_LIVE,
	MOCK_FROZEN,
	MOCK_DEAD,
	MOCK_REMOVED,
};

/**
 * struct mock_allocation - who holds a device
 * @owner: claim UID, or nil
 * @status: MOCK_ACCEL_STATUS_*. Allocated without an owner: by hand, through "status"
 */
struct mock_allocation {
	uuid_t owner;
	u32 status;
};

/**
 * struct mock_vitals - what changes by itself and raises the event interrupt
 * @health: MOCK_ACCEL_HEALTH_*
 * @temperature: thousandths of a degree Celsius
 * @error_count: errors since power-on
 */
struct mock_vitals {
	u32 health;
	s32 temperature;
	u32 error_count;
};

#define MOCK_RING_SIZE		256

/* Of nodes in /dev. */
#define MOCK_MINORS		BIT(MINORBITS)

struct eventfd_ctx;
struct mock_device;
struct mock_ring;

/**
 * struct mock_buffer - memory that a program shares with the engine
 * @memory: pages, as long as the context
 * @size: bytes, in whole pages
 * @address: as the device sees it, while the context is in mdev->contexts
 */
struct mock_buffer {
	void *memory;
	size_t size;
	dma_addr_t address;
};

/**
 * struct mock_context - what an open file has
 * @users: the file, and each work in flight. Given back under mdev->lock
 * @mdev: held by the file; while a work is in flight, its driver is bound
 * @link: place in @contexts of @mdev. Under mdev->lock
 * @buffers: the first @buffer_count are set and do not change. They grow under mdev->lock
 * @buffer_count: up to MOCK_ACCEL_MAX_BUFFERS
 * @running: works in flight, oldest first. This and what follows: under the engine's lock
 * @results: works that have ended, in that order, and that nobody has taken
 * @works: how many are on both lists
 * @last_id: of a work
 * @eventfd: signalled whenever a work ends, or NULL
 */
struct mock_context {
	struct kref users;
	struct mock_device *mdev;
	struct list_head link;
	struct mock_buffer buffers[MOCK_ACCEL_MAX_BUFFERS];
	unsigned int buffer_count;
	struct list_head running;
	struct list_head results;
	unsigned int works;
	u64 last_id;
	struct eventfd_ctx *eventfd;
};

/**
 * struct mock_outcome - what became of a work: struct mock_accel_completion, read once
 * @status: MOCK_ACCEL_DONE_*, or whatever else the device said
 * @bytes: that were worked through
 * @result: of CRC32C
 */
struct mock_outcome {
	u32 status;
	u64 bytes;
	u64 result;
};

/**
 * struct mock_work - one piece of work of a program
 * @link: place in one of the two lists of @context
 * @context: whose it is
 * @id: names it for the program
 * @request: what to do, with the addresses of the device
 * @outcome: set when it has ended
 */
struct mock_work {
	struct list_head link;
	struct mock_context *context;
	u64 id;
	struct mock_accel_work request;
	struct mock_outcome outcome;
};

/**
 * struct mock_engine - the engine of a device
 * @ring: what the device reads and writes
 * @address: of @ring, as the device sees it
 * @wide: the device reaches all memory, not only the lowest 4 GiB
 * @lock: the innermost: orders the lists of all contexts, and @works to @on, which also need
 *	mdev->lock to be changed
 * @works: in flight, by index modulo MOCK_RING_SIZE
 * @head: index of the oldest work in flight
 * @tail: index of the next one. Equal to @head: none is in flight
 * @on: the device has been given the ring. Off with works in flight: it has yet to let go of them
 * @watch: looks at the ring once in a while as long as works are in flight
 */
struct mock_engine {
	struct mock_ring *ring;
	dma_addr_t address;
	bool wide;
	spinlock_t lock;	/* lists of contexts, works to on */
	struct mock_work *works[MOCK_RING_SIZE];
	u32 head;
	u32 tail;
	bool on;
	struct delayed_work watch;
};

/**
 * struct mock_device - one function, PF or VF
 * @dev: device in class mock-accel. Holds the memory: an open file may outlive the PCI device
 * @cdev: /dev/mockN. Holds @dev while a file is open
 * @pdev: valid while @dev is registered
 * @regs: BAR 0, valid while @state is not MOCK_REMOVED
 * @pf: the PF in whose name this VF is named; NULL for a PF and for a VF whose PF is out of sight
 * @identity: read once: a function does not change it
 * @number: N of mockN; unused where @pf is set
 * @link: name of the link from @pf to this VF
 * @lock: orders all register access and all that follows, up to @changes. The core takes it by
 *	this driver's callbacks with pci_bus_sem held, which a reset takes: not held through a
 *	reset. Events are sent under it: they leave in the order of what they tell
 * @resetting: a reset is under way: see mock_lock()
 * @reset_lock: of a PF, also for its VFs: held through a reset of one of them
 * @vfs: of a PF: its VFs that this driver drives. Under its @reset_lock
 * @vfs_leaving: of a PF: its VFs are about to be removed, and nobody gets one any more. Becomes
 *	true under @reset_lock and the @lock of each VF, and false when none is left
 * @sibling: place of a VF in @vfs of @pf
 * @resetter: of a PF: the task that resets it, and its VFs with it
 * @reset_with_pf: this VF is being reset with its PF. Under the PCI device's lock
 * @state: see enum mock_state
 * @vitals: as last announced
 * @saved: allocation, while a reset or suspend is under way, and of a device that died in one
 * @vectors: interrupts that the machine gave, 1 to MOCK_ACCEL_VECTORS
 * @events_lock: recovery from an error and a reset may both turn interrupts on and off. Held
 *	while a running handler is waited for, which takes @lock: not taken under that
 * @events: interrupts are on. Under @events_lock
 * @engine: see there
 * @contexts: those of open files that have buffers which the device may use. Under @lock
 * @changes: wakes users of open files when a work has ended, and when the device dies or goes; and
 *	who waits for the end of a reset
 */
struct mock_device {
	struct device dev;
	struct cdev cdev;
	struct pci_dev *pdev;
	void __iomem *regs;
	struct mock_device *pf;
	struct mock_accel_info identity;
	int number;
	char link[sizeof("virtfn65535")];

	struct mutex lock;	/* orders all register access */
	bool resetting;
	struct mutex reset_lock;	/* one reset at a time */
	struct list_head vfs;
	bool vfs_leaving;
	struct list_head sibling;
	struct task_struct *resetter;
	bool reset_with_pf;
	enum mock_state state;
	struct mock_vitals vitals;
	struct mock_allocation saved;

	int vectors;
	struct mutex events_lock;	/* interrupts go on and off */
	bool events;
	struct mock_engine engine;
	struct list_head contexts;
	wait_queue_head_t changes;
};

static inline struct mock_device *to_mock_device(struct device *dev)
{
	return container_of(dev, struct mock_device, dev);
}

static inline bool mock_is_vf(const struct mock_device *mdev)
{
	return mdev->identity.function & MOCK_ACCEL_FUNCTION_VF;
}

/* Nothing that waits for the device will come, unless a reset brings it back. Under no lock. */
static inline bool mock_lost(const struct mock_device *mdev)
{
	return READ_ONCE(mdev->state) >= MOCK_DEAD;
}

/* pci.c */
struct mock_device *mock_physfn(struct pci_dev *pdev);

/* sriov.c */
int mock_sriov_configure(struct pci_dev *pdev, int count);

/* device.c */
void mock_lock(struct mock_device *mdev);
int mock_lock_interruptible(struct mock_device *mdev);
int mock_class_register(void);
void mock_class_unregister(void);
struct mock_device *mock_device_alloc(struct pci_dev *pdev, void __iomem *regs);
int mock_device_name(struct mock_device *mdev);
int mock_device_register(struct mock_device *mdev);
void mock_device_unregister(struct mock_device *mdev);

/* numbers.c: -ENOMEM, or -ENOSPC where all are given */
int mock_name_number(struct pci_dev *pdev);
int mock_minor_number(struct pci_dev *pdev);
void mock_numbers_exit(void);

/* registers.c: 0, or -ENODEV where the device is not live or stops being so. Under mdev->lock. */
bool mock_answers(struct mock_device *mdev);
int mock_read(struct mock_device *mdev, u32 reg, void *into, size_t size);
int mock_read32(struct mock_device *mdev, u32 reg, u32 *value);
int mock_write(struct mock_device *mdev, u32 reg, const void *from, size_t size);
int mock_write32(struct mock_device *mdev, u32 reg, u32 value);
void mock_declare_dead(struct mock_device *mdev);
int mock_identify(struct mock_device *mdev);

/* allocation.c */
int mock_allocation_read(struct mock_device *mdev, struct mock_allocation *now);
int mock_allocate(struct mock_device *mdev, const uuid_t *owner);
int mock_free(struct mock_device *mdev);
int mock_set_status(struct mock_device *mdev, u32 status);
void mock_allocation_save(struct mock_device *mdev);
void mock_allocation_restore(struct mock_device *mdev);

/* events.c */
const char *mock_health_name(u32 health);
int mock_events_init(struct mock_device *mdev);
void mock_events_start(struct mock_device *mdev);
void mock_events_stop(struct mock_device *mdev);
void mock_events_pause(struct mock_device *mdev);
int mock_vitals_read(struct mock_device *mdev, struct mock_vitals *vitals);
void mock_announce_health(struct mock_device *mdev, u32 health);
void mock_announce_owner(struct mock_device *mdev, const uuid_t *owner);
void mock_announce_status(struct mock_device *mdev, u32 status);

/* attributes.c */
extern const struct attribute_group *mock_attribute_groups[];
int mock_link_sriov(struct mock_device *mdev);

/* cdev.c */
int mock_chrdev_register(void);
void mock_chrdev_unregister(void);
int mock_cdev_add(struct mock_device *mdev);
void mock_cdev_del(struct mock_device *mdev);

/* context.c */
struct mock_context *mock_context_create(struct mock_device *mdev);
void mock_context_close(struct mock_context *context);
void mock_context_get(struct mock_context *context);
void mock_context_put(struct mock_context *context);
int mock_context_eventfd(struct mock_context *context, int number);
void mock_context_signal(struct mock_context *context);
__poll_t mock_context_readiness(struct mock_context *context);

/* buffer.c */
int mock_buffer_create(struct mock_context *context, struct mock_accel_buffer *request);
int mock_buffer_mmap(const struct mock_context *context, struct vm_area_struct *vma);
int mock_buffer_translate(const struct mock_context *context, __u64 *address, u64 length);
void mock_buffers_detach(struct mock_device *mdev);
void mock_buffers_free(struct mock_context *context);

/* work.c */
int mock_work_submit(struct mock_context *context, struct mock_accel_work *request, bool may_wait);
int mock_work_wait(struct mock_context *context, struct mock_accel_wait *wait);
int mock_work_begin(struct mock_work *work);
void mock_work_end(struct mock_work *work, const struct mock_outcome *outcome);

/* engine.c */
int mock_engine_init(struct mock_device *mdev);
int mock_engine_submit(struct mock_device *mdev, struct mock_work *work, u64 *id);
bool mock_engine_has_room(struct mock_device *mdev);
void mock_engine_look(struct mock_device *mdev);
void mock_engine_stop(struct mock_device *mdev);
void mock_engine_reset_done(struct mock_device *mdev);
void mock_engine_abandon(struct mock_device *mdev);
void mock_engine_unwatch(struct mock_device *mdev);

/* passphrase.c */
int mock_passphrase(struct mock_device *mdev, struct mock_accel_passphrase *passphrase);

#endif /* MOCK_ACCEL_DRV_H */
