// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: register access, and what happens when a device stops answering.
 *
 * A device that is gone reads all ones. No register is all ones in normal use, save by chance:
 * whoever reads ones looks at DEVICE_ID, which never is, before the device is called dead.
 */
#include <linux/io.h>
#include <linux/lockdep.h>

#include "mock_accel_drv.h"
#include "mock_identity.h"

static const struct mock_identity mock_accelerator = {
	.kind = "device",
	.what = "mock accelerator",
	.reg = "DEVICE_ID",
	.magic = MOCK_ACCEL_MAGIC,
	.abi = MOCK_ACCEL_ABI_VERSION,
};

bool mock_answers(struct mock_device *mdev)
{
	return ioread32(mdev->regs + MOCK_ACCEL_REG_DEVICE_ID) == MOCK_ACCEL_MAGIC;
}

/* Stays so until a reset: one line in the log and one event, however many accesses follow. */
void mock_declare_dead(struct mock_device *mdev)
{
	lockdep_assert_held(&mdev->lock);

	if (mdev->state == MOCK_DEAD)
		return;
	WRITE_ONCE(mdev->state, MOCK_DEAD);
	wake_up_all(&mdev->changes);
	dev_err(&mdev->pdev->dev, "device does not answer (reads all ones): out of use until it is reset or removed\n");
	mock_announce_health(mdev, MOCK_ACCEL_HEALTH_FAILED);
}

static int mock_check_answer(struct mock_device *mdev)
{
	if (mock_answers(mdev))
		return 0;
	mock_declare_dead(mdev);
	return -ENODEV;
}

/* @size is a multiple of 4. */
int mock_read(struct mock_device *mdev, u32 reg, void *into, size_t size)
{
	__le32 *words = into;
	bool ones = false;
	size_t i;

	lockdep_assert_held(&mdev->lock);
	if (mdev->state != MOCK_LIVE)
		return -ENODEV;

	for (i = 0; i < size / 4; i++) {
		u32 word = ioread32(mdev->regs + reg + 4 * i);

		words[i] = cpu_to_le32(word);
		ones |= PCI_POSSIBLE_ERROR(word);
	}
	return ones ? mock_check_answer(mdev) : 0;
}

int mock_read32(struct mock_device *mdev, u32 reg, u32 *value)
{
	__le32 word;
	int err;

	err = mock_read(mdev, reg, &word, sizeof(word));
	if (!err)
		*value = le32_to_cpu(word);
	return err;
}

/*
 * @size is a multiple of 4. Writes are posted: success does not tell that the device took them.
 * Who has to know reads back.
 */
int mock_write(struct mock_device *mdev, u32 reg, const void *from, size_t size)
{
	const __le32 *words = from;
	size_t i;

	lockdep_assert_held(&mdev->lock);
	if (mdev->state != MOCK_LIVE)
		return -ENODEV;

	for (i = 0; i < size / 4; i++)
		iowrite32(le32_to_cpu(words[i]), mdev->regs + reg + 4 * i);
	return 0;
}

int mock_write32(struct mock_device *mdev, u32 reg, u32 value)
{
	__le32 word = cpu_to_le32(value);

	return mock_write(mdev, reg, &word, sizeof(word));
}

static int mock_check_compatible(struct mock_device *mdev)
{
	u32 magic = ioread32(mdev->regs + MOCK_ACCEL_REG_DEVICE_ID);
	u32 abi = ioread32(mdev->regs + MOCK_ACCEL_REG_ABI);

	mdev->identity.abi_version = abi;
	return mock_identity_check(&mdev->pdev->dev, &mock_accelerator, magic, abi);
}

/* Reads what a function never changes. -ENODEV: nothing that this driver can drive. */
int mock_identify(struct mock_device *mdev)
{
	struct mock_accel_info *identity = &mdev->identity;
	__le64 memory_size;
	int err;

	mutex_lock(&mdev->lock);
	err = mock_check_compatible(mdev) ?:
	      mock_read(mdev, MOCK_ACCEL_REG_UUID, identity->uuid, sizeof(identity->uuid)) ?:
	      mock_read(mdev, MOCK_ACCEL_REG_MEMORY_SIZE, &memory_size, sizeof(memory_size)) ?:
	      mock_read32(mdev, MOCK_ACCEL_REG_CAPABILITIES, &identity->capabilities) ?:
	      mock_read32(mdev, MOCK_ACCEL_REG_FW_VERSION, &identity->fw_version) ?:
	      mock_read32(mdev, MOCK_ACCEL_REG_FUNCTION, &identity->function) ?:
	      mock_vitals_read(mdev, &mdev->vitals);
	mutex_unlock(&mdev->lock);
	if (!err)
		identity->memory_size = le64_to_cpu(memory_size);
	return err;
}

#ifdef CONFIG_KUNIT
#include "registers_test.c"
#endif
