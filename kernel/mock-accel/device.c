// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: a function's device in class mock-accel: name, links, life.
 */
#include <linux/lockdep.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "mock_accel_drv.h"

static void mock_device_release(struct device *dev)
{
	struct mock_device *mdev = to_mock_device(dev);

	if (mdev->pf)
		put_device(&mdev->pf->dev);
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
	mock_numbers_exit();
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

	mdev->number = mock_name_number(mdev->pdev);
	if (mdev->number < 0)
		return mdev->number;
	return dev_set_name(&mdev->dev, "mock%d", mdev->number);
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
