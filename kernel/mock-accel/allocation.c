// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: who holds a device.
 *
 * The device's OWNER and STATUS are the only truth. They are read each time, so a driver that is
 * loaded anew finds what the last one left.
 */
#include "mock_accel_drv.h"

/* Under mdev->lock. */
int mock_allocation_read(struct mock_device *mdev, struct mock_allocation *now)
{
	return mock_read(mdev, MOCK_ACCEL_REG_OWNER, &now->owner, sizeof(now->owner)) ?:
	       mock_read32(mdev, MOCK_ACCEL_REG_STATUS, &now->status);
}

/*
 * The device derives STATUS from OWNER, and clears OWNER where STATUS becomes free. -ENODEV: it is
 * about to go, and nobody gets it any more. -EIO: it did not take what was written.
 */
static int mock_allocation_write(struct mock_device *mdev, const struct mock_allocation *wanted)
{
	struct mock_allocation now;
	int err;

	if (mdev->pf && mdev->pf->vfs_leaving && wanted->status != MOCK_ACCEL_STATUS_FREE)
		return -ENODEV;
	if (uuid_is_null(&wanted->owner))
		err = mock_write32(mdev, MOCK_ACCEL_REG_STATUS, wanted->status);
	else
		err = mock_write(mdev, MOCK_ACCEL_REG_OWNER, &wanted->owner, sizeof(wanted->owner));
	err = err ?: mock_allocation_read(mdev, &now);
	if (err)
		return err;
	if (!uuid_equal(&now.owner, &wanted->owner) || now.status != wanted->status)
		return -EIO;
	return 0;
}

/* -EBUSY: somebody else holds the device. */
int mock_allocate(struct mock_device *mdev, const uuid_t *owner)
{
	struct mock_allocation wanted = { .owner = *owner, .status = MOCK_ACCEL_STATUS_ALLOCATED };
	struct mock_allocation now;
	int err;

	mock_lock(mdev);
	err = mock_allocation_read(mdev, &now);
	if (err || uuid_equal(&now.owner, owner))
		goto unlock;
	if (now.status != MOCK_ACCEL_STATUS_FREE) {
		err = -EBUSY;
		goto unlock;
	}
	err = mock_allocation_write(mdev, &wanted);
	if (!err)
		mock_announce_owner(mdev, owner);
unlock:
	mutex_unlock(&mdev->lock);
	return err;
}

/* Takes the device from its owner. Where there is none, nothing changes and that is no error. */
int mock_free(struct mock_device *mdev)
{
	const struct mock_allocation wanted = { .status = MOCK_ACCEL_STATUS_FREE };
	struct mock_allocation now;
	int err;

	mock_lock(mdev);
	err = mock_allocation_read(mdev, &now);
	if (err || uuid_is_null(&now.owner))
		goto unlock;
	err = mock_allocation_write(mdev, &wanted);
	if (!err)
		mock_announce_owner(mdev, &uuid_null);
unlock:
	mutex_unlock(&mdev->lock);
	return err;
}

/* Allocation by hand. -EBUSY: an owner holds the device. */
int mock_set_status(struct mock_device *mdev, u32 status)
{
	const struct mock_allocation wanted = { .status = status };
	struct mock_allocation now;
	int err;

	mock_lock(mdev);
	err = mock_allocation_read(mdev, &now);
	if (!err && !uuid_is_null(&now.owner))
		err = -EBUSY;
	if (err || now.status == status)
		goto unlock;
	err = mock_allocation_write(mdev, &wanted);
	if (!err)
		mock_announce_status(mdev, status);
unlock:
	mutex_unlock(&mdev->lock);
	return err;
}

/* Under mdev->lock, before what resets the device. What can't be read counts as free. */
void mock_allocation_save(struct mock_device *mdev)
{
	if (mock_allocation_read(mdev, &mdev->saved))
		mdev->saved.status = MOCK_ACCEL_STATUS_FREE;
}

/* Under mdev->lock, after the reset, which has freed the device. */
void mock_allocation_restore(struct mock_device *mdev)
{
	if (mdev->saved.status == MOCK_ACCEL_STATUS_FREE)
		return;
	if (mock_allocation_write(mdev, &mdev->saved) == -EIO)
		dev_err(&mdev->pdev->dev, "device did not take back its owner (%pUb) after a reset\n",
			&mdev->saved.owner);
	mdev->saved.status = MOCK_ACCEL_STATUS_FREE;
}
