/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mock-accel: what the driver's files share.
 *
 * pci.c		binds, resets and unbinds a function
 * sriov.c		VFs on demand
 * device.c		its device in class mock-accel: name, links, life
 * registers.c		register access, and what happens when a device stops answering
 * allocation.c		who holds a device
 * events.c		interrupt, uevents, poll notification
 * attributes.c		sysfs
 * cdev.c		/dev/mockN
 */
#ifndef MOCK_ACCEL_DRV_H
#define MOCK_ACCEL_DRV_H

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/uuid.h>
#include <linux/wait.h>

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
 * @lock: orders all register access and all that follows. Held through a reset, so that nobody
 *	sees a device that is half-way. Events are sent under it: they leave in the order of what
 *	they tell. That of a PF comes before those of its VFs
 * @vfs: of a PF: its VFs that this driver drives. Under its @lock
 * @sibling: place of a VF in @vfs of @pf
 * @resetter: of a PF: the task that resets it, and its VFs with it
 * @reset_with_pf: this VF is being reset with its PF. Under the PCI device's lock
 * @state: see enum mock_state
 * @vitals: as last announced
 * @saved: allocation, while a reset or suspend is under way
 * @events: the event interrupt is on. Under the PCI device's lock, or while a reset of the PF
 *	takes this VF along
 * @removal: wakes pollers of open files when the device goes
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
	struct list_head vfs;
	struct list_head sibling;
	struct task_struct *resetter;
	bool reset_with_pf;
	enum mock_state state;
	struct mock_vitals vitals;
	struct mock_allocation saved;

	bool events;
	wait_queue_head_t removal;
};

static inline struct mock_device *to_mock_device(struct device *dev)
{
	return container_of(dev, struct mock_device, dev);
}

static inline bool mock_is_vf(const struct mock_device *mdev)
{
	return mdev->identity.function & MOCK_ACCEL_FUNCTION_VF;
}

/* pci.c */
struct mock_device *mock_physfn(struct pci_dev *pdev);

/* sriov.c */
int mock_sriov_configure(struct pci_dev *pdev, int count);

/* device.c */
int mock_class_register(void);
void mock_class_unregister(void);
struct mock_device *mock_device_alloc(struct pci_dev *pdev, void __iomem *regs);
int mock_device_name(struct mock_device *mdev);
void mock_device_unname(struct mock_device *mdev);
int mock_device_register(struct mock_device *mdev);
void mock_device_unregister(struct mock_device *mdev);

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

#endif /* MOCK_ACCEL_DRV_H */
