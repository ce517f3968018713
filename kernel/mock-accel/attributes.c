// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: sysfs attributes. Documentation/ABI/testing/sysfs-class-mock-accel describes each.
 *
 * Identity is what was read when the driver bound, and can be read of a dead device, too. All
 * else comes from the device each time.
 */
#include <linux/kstrtox.h>
#include <linux/sysfs.h>

#include "mock_accel_drv.h"

static int mock_read32_locked(struct mock_device *mdev, u32 reg, u32 *value)
{
	int err;

	mock_lock(mdev);
	err = mock_read32(mdev, reg, value);
	mutex_unlock(&mdev->lock);
	return err;
}

static ssize_t uuid_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%pUb\n", to_mock_device(dev)->identity.uuid);
}
static DEVICE_ATTR_RO(uuid);

static ssize_t memory_size_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%llu\n", to_mock_device(dev)->identity.memory_size);
}
static DEVICE_ATTR_RO(memory_size);

static ssize_t capabilities_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0x%08x\n", to_mock_device(dev)->identity.capabilities);
}
static DEVICE_ATTR_RO(capabilities);

static ssize_t device_type_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", mock_is_vf(to_mock_device(dev)) ? "vf" : "pf");
}
static DEVICE_ATTR_RO(device_type);

static ssize_t abi_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_mock_device(dev)->identity.abi_version);
}
static DEVICE_ATTR_RO(abi_version);

static ssize_t fw_version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 version = to_mock_device(dev)->identity.fw_version;

	return sysfs_emit(buf, "%u.%u.%u\n", version >> 24, version >> 16 & 0xff,
			  version & 0xffff);
}
static DEVICE_ATTR_RO(fw_version);

static ssize_t numa_node_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%d\n", dev_to_node(&to_mock_device(dev)->pdev->dev));
}
static DEVICE_ATTR_RO(numa_node);

/* The one question that a dead device answers, too. */
static ssize_t health_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 health = MOCK_ACCEL_HEALTH_FAILED;

	mock_read32_locked(to_mock_device(dev), MOCK_ACCEL_REG_HEALTH, &health);
	return sysfs_emit(buf, "%s\n", mock_health_name(health));
}
static DEVICE_ATTR_RO(health);

static ssize_t temperature_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 value;
	int err = mock_read32_locked(to_mock_device(dev), MOCK_ACCEL_REG_TEMPERATURE, &value);

	return err ?: sysfs_emit(buf, "%d\n", (s32)value);
}
static DEVICE_ATTR_RO(temperature);

static ssize_t error_count_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 value;
	int err = mock_read32_locked(to_mock_device(dev), MOCK_ACCEL_REG_ERROR_COUNT, &value);

	return err ?: sysfs_emit(buf, "%u\n", value);
}
static DEVICE_ATTR_RO(error_count);

static ssize_t status_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	u32 value;
	int err = mock_read32_locked(to_mock_device(dev), MOCK_ACCEL_REG_STATUS, &value);

	return err ?: sysfs_emit(buf, "%u\n", value);
}

static ssize_t status_store(struct device *dev, struct device_attribute *attr, const char *buf,
			    size_t count)
{
	u32 status;
	int err;

	if (kstrtou32(buf, 10, &status) || status > MOCK_ACCEL_STATUS_ALLOCATED)
		return -EINVAL;
	err = mock_set_status(to_mock_device(dev), status);
	return err ?: count;
}
static DEVICE_ATTR_RW(status);

static ssize_t owner_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct mock_device *mdev = to_mock_device(dev);
	struct mock_allocation now;
	int err;

	mock_lock(mdev);
	err = mock_allocation_read(mdev, &now);
	mutex_unlock(&mdev->lock);
	if (err)
		return err;
	if (uuid_is_null(&now.owner))
		return sysfs_emit(buf, "\n");
	return sysfs_emit(buf, "%pUb\n", &now.owner);
}

/* A UUID with its four hyphens, or its 32 digits alone. Nil names nobody. */
static int mock_parse_owner(const char *text, size_t length, uuid_t *owner)
{
	char hyphenated[UUID_STRING_LEN + 1];

	if (length == 2 * UUID_SIZE) {
		snprintf(hyphenated, sizeof(hyphenated), "%.8s-%.4s-%.4s-%.4s-%.12s", text,
			 text + 8, text + 12, text + 16, text + 20);
		text = hyphenated;
	} else if (length != UUID_STRING_LEN) {
		return -EINVAL;
	}
	return uuid_parse(text, owner) || uuid_is_null(owner) ? -EINVAL : 0;
}

static ssize_t owner_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t count)
{
	struct mock_device *mdev = to_mock_device(dev);
	size_t length = buf[count - 1] == '\n' ? count - 1 : count;
	uuid_t owner;
	int err;

	if (length == 0)
		err = mock_free(mdev);
	else
		err = mock_parse_owner(buf, length, &owner) ?: mock_allocate(mdev, &owner);
	return err ?: count;
}
static DEVICE_ATTR_RW(owner);

static struct attribute *mock_attributes[] = {
	&dev_attr_uuid.attr,
	&dev_attr_memory_size.attr,
	&dev_attr_capabilities.attr,
	&dev_attr_device_type.attr,
	&dev_attr_abi_version.attr,
	&dev_attr_fw_version.attr,
	&dev_attr_numa_node.attr,
	&dev_attr_health.attr,
	&dev_attr_temperature.attr,
	&dev_attr_error_count.attr,
	&dev_attr_status.attr,
	&dev_attr_owner.attr,
	NULL
};

static const struct attribute_group mock_group = {
	.attrs = mock_attributes,
};

/*
 * SR-IOV of a PF. Where the PCI core offers it, sriov_totalvfs and sriov_numvfs are links to the
 * core's own files: a store of ours would need the locks that an unbinding task holds while it
 * waits for that very store, and the core's locking differs between kernels. Where the PF came
 * without SR-IOV, as every device that is attached to a VM by itself, these answer instead.
 */
static ssize_t sriov_totalvfs_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0\n");
}
static DEVICE_ATTR_RO(sriov_totalvfs);

static ssize_t sriov_numvfs_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "0\n");
}

static ssize_t sriov_numvfs_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	u16 wanted;

	if (kstrtou16(buf, 0, &wanted))
		return -EINVAL;
	return wanted ? -EOPNOTSUPP : count;
}
static DEVICE_ATTR_RW(sriov_numvfs);

static struct attribute *mock_no_sriov_attributes[] = {
	&dev_attr_sriov_totalvfs.attr,
	&dev_attr_sriov_numvfs.attr,
	NULL
};

static umode_t mock_no_sriov_visible(struct kobject *kobj, struct attribute *attr, int index)
{
	struct mock_device *mdev = to_mock_device(kobj_to_dev(kobj));

	return mock_is_vf(mdev) || mdev->pdev->is_physfn ? 0 : attr->mode;
}

static const struct attribute_group mock_no_sriov_group = {
	.attrs = mock_no_sriov_attributes,
	.is_visible = mock_no_sriov_visible,
};

/* They go with the directory. */
int mock_link_sriov(struct mock_device *mdev)
{
	struct kobject *kobj = &mdev->dev.kobj, *pci = &mdev->pdev->dev.kobj;

	if (!mdev->pdev->is_physfn)
		return 0;
	return compat_only_sysfs_link_entry_to_kobj(kobj, pci, "sriov_totalvfs", NULL) ?:
	       compat_only_sysfs_link_entry_to_kobj(kobj, pci, "sriov_numvfs", NULL);
}

const struct attribute_group *mock_attribute_groups[] = {
	&mock_group,
	&mock_no_sriov_group,
	NULL
};

#ifdef CONFIG_KUNIT
#include "attributes_test.c"
#endif
