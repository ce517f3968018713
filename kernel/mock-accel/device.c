// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: a function's device in class mock-accel: name, links, life.
 */
#include <linux/idr.h>
#include <linux/lockdep.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>

#include "mock_accel_drv.h"

static DEFINE_IDA(mock_numbers);

/* By PCI address: the number that a function had there last. */
static DEFINE_XARRAY(mock_last_numbers);

static void mock_device_release(struct device *dev)
{
	struct mock_device *mdev = to_mock_device(dev);

	mutex_destroy(&mdev->events_lock);
	mutex_destroy(&mdev->reset_lock);
	mutex_destroy(&mdev->lock);
	kfree(mdev);
}

static struct class mock_class = {
	.name = "mock-accel",
	.dev_groups = mock_attribute_groups,
	.dev_release = mock_device_release,
};

int mock_class_register(void)
{
	return class_register(&mock_class);
}

void mock_class_unregister(void)
{
	class_unregister(&mock_class);
	xa_destroy(&mock_last_numbers);
}

/*
 * Takes mdev->lock for what somebody wants of the device: waits while it is being reset, so that
 * nobody sees it half-way. Not for what the core wants, which may hold pci_bus_sem.
 */
void mock_lock(struct mock_device *mdev)
{
	for (;;) {
		mutex_lock(&mdev->lock);
		if (!mdev->resetting)
			return;
		mutex_unlock(&mdev->lock);
		wait_event(mdev->changes, !READ_ONCE(mdev->resetting));
	}
}

/* The same. -EINTR: a signal came first, and the lock is not taken. */
int mock_lock_interruptible(struct mock_device *mdev)
{
	for (;;) {
		int err = mutex_lock_interruptible(&mdev->lock);

		if (err || !mdev->resetting)
			return err;
		mutex_unlock(&mdev->lock);
		if (wait_event_interruptible(mdev->changes, !READ_ONCE(mdev->resetting)))
			return -EINTR;
	}
}

/* NULL: no memory. Given back by put_device(&mdev->dev). */
struct mock_device *mock_device_alloc(struct pci_dev *pdev, void __iomem *regs)
{
	struct mock_device *mdev = kzalloc(sizeof(*mdev), GFP_KERNEL);

	if (!mdev)
		return NULL;
	mutex_init(&mdev->lock);
	mutex_init(&mdev->reset_lock);
	mutex_init(&mdev->events_lock);
	INIT_LIST_HEAD(&mdev->vfs);
	INIT_LIST_HEAD(&mdev->sibling);
	INIT_LIST_HEAD(&mdev->contexts);
	init_waitqueue_head(&mdev->changes);
	mdev->pdev = pdev;
	mdev->regs = regs;
	mdev->state = MOCK_LIVE;
	mdev->dev.class = &mock_class;
	mdev->dev.parent = &pdev->dev;
	device_initialize(&mdev->dev);
	return mdev;
}

static u64 mock_address(struct pci_dev *pdev)
{
	return (u64)pci_domain_nr(pdev->bus) << 16 | pci_dev_id(pdev);
}

/* How many of its kind stand before a function in the order of PCI addresses. */
static int mock_rank(struct pci_dev *pdev)
{
	struct pci_dev *other = NULL;
	int rank = 0;

	while ((other = pci_get_device(pdev->vendor, pdev->device, other)))
		rank += !other->is_virtfn && mock_address(other) < mock_address(pdev);
	return rank;
}

/* The number that was last known there, or else the rank. */
static int mock_preferred_number(struct pci_dev *pdev)
{
	void *last = xa_load(&mock_last_numbers, mock_address(pdev));

	return last ? xa_to_value(last) : mock_rank(pdev);
}

/*
 * Names do not depend on the order in which functions are found and bound, nor on the health of
 * their neighbours, and a card that comes back to its slot has the name that it had. Only where
 * the number is taken is it the lowest that is free.
 */
static int mock_take_number(struct pci_dev *pdev)
{
	int preferred = mock_preferred_number(pdev);
	int number = ida_alloc_range(&mock_numbers, preferred, preferred, GFP_KERNEL);

	if (number == -ENOSPC)
		number = ida_alloc(&mock_numbers, GFP_KERNEL);
	/* Without memory for it, the next one to come there is named like a new one. */
	if (number >= 0)
		xa_store(&mock_last_numbers, mock_address(pdev), xa_mk_value(number), GFP_KERNEL);
	return number;
}

/*
 * mockN for a PF, mockN_vfM for a VF after its PF. A VF whose PF is not driven here, as one that
 * was given to a VM, is named like a PF.
 */
int mock_device_name(struct mock_device *mdev)
{
	struct mock_device *pf = mock_physfn(mdev->pdev);
	int vf = pci_iov_vf_id(mdev->pdev);
	int err;

	if (pf) {
		snprintf(mdev->link, sizeof(mdev->link), "virtfn%d", vf);
		err = dev_set_name(&mdev->dev, "mock%d_vf%d", pf->number, vf);
		if (err)
			return err;
		get_device(&pf->dev);
		mdev->pf = pf;
		return 0;
	}

	mdev->number = mock_take_number(mdev->pdev);
	if (mdev->number < 0)
		return mdev->number;
	err = dev_set_name(&mdev->dev, "mock%d", mdev->number);
	if (err)
		ida_free(&mock_numbers, mdev->number);
	return err;
}

/* The next device may have the name, even while a file of this one is still open. */
void mock_device_unname(struct mock_device *mdev)
{
	if (mdev->pf)
		put_device(&mdev->pf->dev);
	else
		ida_free(&mock_numbers, mdev->number);
}

/* The PF outlives its VFs: it disables SR-IOV, which unbinds them, before it goes. */
static int mock_link_pf(struct mock_device *mdev)
{
	int err;

	if (!mdev->pf)
		return 0;
	err = sysfs_create_link(&mdev->dev.kobj, &mdev->pf->dev.kobj, "physfn");
	if (err)
		return err;
	return sysfs_create_link(&mdev->pf->dev.kobj, &mdev->dev.kobj, mdev->link);
}

static void mock_unlink_pf(struct mock_device *mdev)
{
	if (mdev->pf)
		sysfs_remove_link(&mdev->pf->dev.kobj, mdev->link);
}

/*
 * Parts the device from the machine's memory, and open files from the device. An engine that does
 * not stop may still try to write: that memory is let go of when it is no longer a bus master.
 */
static void mock_device_retire(struct mock_device *mdev)
{
	mutex_lock(&mdev->lock);
	mock_engine_stop(mdev);
	WRITE_ONCE(mdev->state, MOCK_REMOVED);
	pci_clear_master(mdev->pdev);
	mock_engine_abandon(mdev);
	mock_buffers_detach(mdev);
	mutex_unlock(&mdev->lock);
	wake_up_all(&mdev->changes);
	mock_engine_unwatch(mdev);
}

/* Whoever hears of the new device finds its directory complete: the uevent comes last. */
int mock_device_register(struct mock_device *mdev)
{
	int err;

	dev_set_uevent_suppress(&mdev->dev, true);
	err = mock_cdev_add(mdev);
	if (err) {
		/* Somebody may have opened it already. */
		mock_device_retire(mdev);
		return err;
	}
	err = mock_link_sriov(mdev) ?: mock_link_pf(mdev);
	if (err) {
		mock_device_retire(mdev);
		mock_cdev_del(mdev);
		return err;
	}
	dev_set_uevent_suppress(&mdev->dev, false);
	kobject_uevent(&mdev->dev.kobj, KOBJ_ADD);
	return 0;
}

/* Afterwards no register is touched. Open files stay, and give ENODEV. */
void mock_device_unregister(struct mock_device *mdev)
{
	mock_device_retire(mdev);
	mock_unlink_pf(mdev);
	mock_cdev_del(mdev);
}
