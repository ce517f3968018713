// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: the passphrase generator.
 */
#include <linux/iopoll.h>

#include "mock_accel_drv.h"

#define MOCK_PASSPHRASE_US	USEC_PER_SEC

/* Clears first: READY then tells of this passphrase, not of the last. */
static int mock_passphrase_order(struct mock_device *mdev, u32 words)
{
	return mock_write32(mdev, MOCK_ACCEL_REG_PASSPHRASE_CMD, MOCK_ACCEL_PASSPHRASE_CLEAR) ?:
	       mock_write32(mdev, MOCK_ACCEL_REG_PASSPHRASE_LENGTH, words) ?:
	       mock_write32(mdev, MOCK_ACCEL_REG_PASSPHRASE_CMD, MOCK_ACCEL_PASSPHRASE_GENERATE);
}

static int mock_passphrase_await(struct mock_device *mdev)
{
	u32 status = MOCK_ACCEL_PASSPHRASE_STATUS_IDLE;
	int err;

	read_poll_timeout(mock_read32, err, err || status != MOCK_ACCEL_PASSPHRASE_STATUS_IDLE,
			  1000, MOCK_PASSPHRASE_US, false, mdev,
			  MOCK_ACCEL_REG_PASSPHRASE_STATUS, &status);
	if (err)
		return err;
	return status == MOCK_ACCEL_PASSPHRASE_STATUS_READY ? 0 : -EIO;
}

/* -EIO: the device says that it can't, or nothing in time. */
int mock_passphrase(struct mock_device *mdev, struct mock_accel_passphrase *passphrase)
{
	int err;

	if (passphrase->reserved || passphrase->words < MOCK_ACCEL_PASSPHRASE_MIN_WORDS ||
	    passphrase->words > MOCK_ACCEL_PASSPHRASE_MAX_WORDS)
		return -EINVAL;
	mock_lock(mdev);
	err = mock_passphrase_order(mdev, passphrase->words) ?:
	      mock_passphrase_await(mdev) ?:
	      mock_read(mdev, MOCK_ACCEL_REG_PASSPHRASE_TEXT, passphrase->text,
			sizeof(passphrase->text));
	mutex_unlock(&mdev->lock);
	passphrase->text[sizeof(passphrase->text) - 1] = '\0';
	return err;
}

#ifdef CONFIG_KUNIT
#include "passphrase_test.c"
#endif
