// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: /dev/mockN.
 *
 * An open file holds the module and, through its cdev, the struct mock_device, but not the PCI
 * device: that may be unbound at any time, and the file then gives ENODEV.
 */
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/uaccess.h>

#include "mock_accel_drv.h"

static dev_t mock_first_devt;

/* What programs ask, by number. None has holes: nothing leaks, and 32 bits look like 64. */
static const unsigned int mock_commands[] = {
	MOCK_ACCEL_IOC_INFO,
	MOCK_ACCEL_IOC_BUFFER,
	MOCK_ACCEL_IOC_SUBMIT,
	MOCK_ACCEL_IOC_WAIT,
	MOCK_ACCEL_IOC_EVENTFD,
	MOCK_ACCEL_IOC_PASSPHRASE,
};

union mock_argument {
	struct mock_accel_info info;
	struct mock_accel_buffer buffer;
	struct mock_accel_work work;
	struct mock_accel_wait wait;
	__s32 eventfd;
	struct mock_accel_passphrase passphrase;
};

static int mock_open(struct inode *inode, struct file *file)
{
	struct mock_device *mdev = container_of(inode->i_cdev, struct mock_device, cdev);

	file->private_data = mock_context_create(mdev);
	return file->private_data ? 0 : -ENOMEM;
}

static int mock_release(struct inode *inode, struct file *file)
{
	mock_context_close(file->private_data);
	return 0;
}

static int mock_info(struct mock_device *mdev, struct mock_accel_info *info)
{
	u32 magic;
	int err;

	mock_lock(mdev);
	err = mock_read32(mdev, MOCK_ACCEL_REG_DEVICE_ID, &magic);
	if (!err) {
		*info = mdev->identity;
		info->numa_node = dev_to_node(&mdev->pdev->dev);
	}
	mutex_unlock(&mdev->lock);
	return err;
}

static bool mock_is_command(unsigned int command)
{
	unsigned int number = _IOC_NR(command);

	return number < ARRAY_SIZE(mock_commands) && mock_commands[number] == command;
}

static int mock_call(struct file *file, unsigned int command, union mock_argument *argument)
{
	struct mock_context *context = file->private_data;

	if (mock_lost(context->mdev))
		return -ENODEV;
	switch (command) {
	case MOCK_ACCEL_IOC_INFO:
		return mock_info(context->mdev, &argument->info);
	case MOCK_ACCEL_IOC_BUFFER:
		return mock_buffer_create(context, &argument->buffer);
	case MOCK_ACCEL_IOC_SUBMIT:
		return mock_work_submit(context, &argument->work, !(file->f_flags & O_NONBLOCK));
	case MOCK_ACCEL_IOC_WAIT:
		return mock_work_wait(context, &argument->wait);
	case MOCK_ACCEL_IOC_EVENTFD:
		return mock_context_eventfd(context, argument->eventfd);
	case MOCK_ACCEL_IOC_PASSPHRASE:
		return mock_passphrase(context->mdev, &argument->passphrase);
	default:
		return -ENOTTY;
	}
}

static long mock_ioctl(struct file *file, unsigned int command, unsigned long address)
{
	void __user *user = (void __user *)address;
	size_t size = _IOC_SIZE(command);
	union mock_argument argument;
	int err;

	if (!mock_is_command(command))
		return -ENOTTY;
	if (_IOC_DIR(command) & _IOC_WRITE && copy_from_user(&argument, user, size))
		return -EFAULT;
	err = mock_call(file, command, &argument);
	if (!err && _IOC_DIR(command) & _IOC_READ && copy_to_user(user, &argument, size))
		err = -EFAULT;
	/* It may be a passphrase. */
	memzero_explicit(&argument, sizeof(argument));
	return err;
}

static int mock_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mock_context *context = file->private_data;

	return mock_lost(context->mdev) ? -ENODEV : mock_buffer_mmap(context, vma);
}

static __poll_t mock_poll(struct file *file, struct poll_table_struct *table)
{
	struct mock_context *context = file->private_data;

	poll_wait(file, &context->mdev->changes, table);
	switch (READ_ONCE(context->mdev->state)) {
	case MOCK_REMOVED:
		return EPOLLHUP | EPOLLERR;
	case MOCK_DEAD:
		return EPOLLERR;
	default:
		return mock_context_readiness(context);
	}
}

static const struct file_operations mock_fops = {
	.owner = THIS_MODULE,
	.open = mock_open,
	.release = mock_release,
	.unlocked_ioctl = mock_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = mock_mmap,
	.poll = mock_poll,
	.llseek = noop_llseek,
};

/* Makes the device known: node, sysfs directory. The name must be set. */
int mock_cdev_add(struct mock_device *mdev)
{
	int minor = mock_minor_number(mdev->pdev);

	if (minor < 0)
		return minor;
	mdev->dev.devt = mock_first_devt + minor;
	cdev_init(&mdev->cdev, &mock_fops);
	mdev->cdev.owner = THIS_MODULE;
	return cdev_device_add(&mdev->cdev, &mdev->dev);
}

void mock_cdev_del(struct mock_device *mdev)
{
	cdev_device_del(&mdev->cdev, &mdev->dev);
}

int mock_chrdev_register(void)
{
	return alloc_chrdev_region(&mock_first_devt, 0, MOCK_MINORS, "mock-accel");
}

void mock_chrdev_unregister(void)
{
	unregister_chrdev_region(mock_first_devt, MOCK_MINORS);
}

#ifdef CONFIG_KUNIT
#include "cdev_test.c"
#endif
