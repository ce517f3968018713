// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: /dev/mockN.
 *
 * An open file holds the module and, through its cdev, the struct mock_device, but not the PCI
 * device: that may be unbound at any time, and the file then gives ENODEV.
 */
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "mock_accel_drv.h"

#define MOCK_MINORS	BIT(MINORBITS)

static dev_t mock_first_devt;
static DEFINE_IDA(mock_minors);

static int mock_open(struct inode *inode, struct file *file)
{
	file->private_data = container_of(inode->i_cdev, struct mock_device, cdev);
	return 0;
}

static int mock_info(struct mock_device *mdev, struct mock_accel_info *info)
{
	u32 magic;
	int err;

	mutex_lock(&mdev->lock);
	err = mock_read32(mdev, MOCK_ACCEL_REG_DEVICE_ID, &magic);
	if (!err) {
		*info = mdev->identity;
		info->numa_node = dev_to_node(&mdev->pdev->dev);
	}
	mutex_unlock(&mdev->lock);
	return err;
}

static long mock_ioctl_info(struct mock_device *mdev, void __user *argument)
{
	struct mock_accel_info info;
	int err = mock_info(mdev, &info);

	if (err)
		return err;
	return copy_to_user(argument, &info, sizeof(info)) ? -EFAULT : 0;
}

static long mock_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	switch (command) {
	case MOCK_ACCEL_IOC_INFO:
		return mock_ioctl_info(file->private_data, (void __user *)argument);
	default:
		return -ENOTTY;
	}
}

static __poll_t mock_poll(struct file *file, struct poll_table_struct *table)
{
	struct mock_device *mdev = file->private_data;

	poll_wait(file, &mdev->removal, table);
	return READ_ONCE(mdev->state) == MOCK_REMOVED ? EPOLLHUP | EPOLLERR : 0;
}

static const struct file_operations mock_fops = {
	.owner = THIS_MODULE,
	.open = mock_open,
	.unlocked_ioctl = mock_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = mock_poll,
	.llseek = noop_llseek,
};

/* Makes the device known: node, sysfs directory. The name must be set. */
int mock_cdev_add(struct mock_device *mdev)
{
	int minor, err;

	minor = ida_alloc_max(&mock_minors, MOCK_MINORS - 1, GFP_KERNEL);
	if (minor < 0)
		return minor;
	mdev->dev.devt = mock_first_devt + minor;
	cdev_init(&mdev->cdev, &mock_fops);
	mdev->cdev.owner = THIS_MODULE;
	err = cdev_device_add(&mdev->cdev, &mdev->dev);
	if (err)
		ida_free(&mock_minors, minor);
	return err;
}

void mock_cdev_del(struct mock_device *mdev)
{
	cdev_device_del(&mdev->cdev, &mdev->dev);
	ida_free(&mock_minors, MINOR(mdev->dev.devt));
}

int mock_chrdev_register(void)
{
	return alloc_chrdev_region(&mock_first_devt, 0, MOCK_MINORS, "mock-accel");
}

void mock_chrdev_unregister(void)
{
	unregister_chrdev_region(mock_first_devt, MOCK_MINORS);
}
