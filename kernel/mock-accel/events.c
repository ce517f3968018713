// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: interrupts, uevents and poll notification.
 */
#include <linux/interrupt.h>
#include <linux/kobject.h>
#include <linux/lockdep.h>
#include <linux/sysfs.h>

#include "mock_accel_drv.h"

static const char * const mock_health_names[] = {
	[MOCK_ACCEL_HEALTH_HEALTHY] = "healthy",
	[MOCK_ACCEL_HEALTH_DEGRADED] = "degraded",
	[MOCK_ACCEL_HEALTH_FAILED] = "failed",
};

const char *mock_health_name(u32 health)
{
	return health < ARRAY_SIZE(mock_health_names) ? mock_health_names[health] : "unknown";
}

static void mock_notify(struct mock_device *mdev, const char *attribute)
{
	sysfs_notify(&mdev->dev.kobj, NULL, attribute);
}

/* KEY=value: what changed, and to what. */
static void mock_uevent(struct mock_device *mdev, const char *event, const char *key_value)
{
	char event_text[32], name_text[32], value_text[64];
	char *env[4] = { event_text, name_text, value_text, NULL };

	lockdep_assert_held(&mdev->lock);
	if (!device_is_registered(&mdev->dev))
		return;
	snprintf(event_text, sizeof(event_text), "MOCK_ACCEL_EVENT=%s", event);
	snprintf(name_text, sizeof(name_text), "NAME=%s", dev_name(&mdev->dev));
	strscpy(value_text, key_value, sizeof(value_text));
	kobject_uevent_env(&mdev->dev.kobj, KOBJ_CHANGE, env);
}

void mock_announce_health(struct mock_device *mdev, u32 health)
{
	char value[32];

	mdev->vitals.health = health;
	snprintf(value, sizeof(value), "HEALTH=%s", mock_health_name(health));
	mock_uevent(mdev, "health", value);
	mock_notify(mdev, "health");
}

void mock_announce_owner(struct mock_device *mdev, const uuid_t *owner)
{
	char value[sizeof("OWNER=") + UUID_STRING_LEN] = "OWNER=";

	if (!uuid_is_null(owner))
		snprintf(value, sizeof(value), "OWNER=%pUb", owner);
	mock_uevent(mdev, "owner", value);
	mock_notify(mdev, "owner");
	mock_notify(mdev, "status");
}

void mock_announce_status(struct mock_device *mdev, u32 status)
{
	char value[32];

	snprintf(value, sizeof(value), "STATUS=%u", status);
	mock_uevent(mdev, "status", value);
	mock_notify(mdev, "status");
}

/* Under mdev->lock. */
int mock_vitals_read(struct mock_device *mdev, struct mock_vitals *vitals)
{
	u32 temperature;
	int err;

	err = mock_read32(mdev, MOCK_ACCEL_REG_HEALTH, &vitals->health) ?:
	      mock_read32(mdev, MOCK_ACCEL_REG_TEMPERATURE, &temperature) ?:
	      mock_read32(mdev, MOCK_ACCEL_REG_ERROR_COUNT, &vitals->error_count);
	if (!err)
		vitals->temperature = (s32)temperature;
	return err;
}

static void mock_announce_changes(struct mock_device *mdev)
{
	struct mock_vitals now, *last = &mdev->vitals;

	mutex_lock(&mdev->lock);
	if (mock_vitals_read(mdev, &now))
		goto unlock;
	if (now.temperature != last->temperature)
		mock_notify(mdev, "temperature");
	if (now.error_count != last->error_count)
		mock_notify(mdev, "error_count");
	if (now.health != last->health)
		mock_announce_health(mdev, now.health);
	*last = now;
unlock:
	mutex_unlock(&mdev->lock);
}

/* With a single vector the engine may have to say something here. */
static irqreturn_t mock_event_thread(int irq, void *data)
{
	struct mock_device *mdev = data;

	mock_announce_changes(mdev);
	if (mdev->vectors <= MOCK_ACCEL_VECTOR_ENGINE)
		mock_engine_look(mdev);
	return IRQ_HANDLED;
}

static irqreturn_t mock_engine_thread(int irq, void *data)
{
	mock_engine_look(data);
	return IRQ_HANDLED;
}

/**
 * struct mock_vector - an interrupt of a device
 * @thread: handles it
 * @suffix: of its name, after the device's
 */
struct mock_vector {
	irq_handler_t thread;
	const char *suffix;
};

static const struct mock_vector mock_vectors[MOCK_ACCEL_VECTORS] = {
	[MOCK_ACCEL_VECTOR_EVENT] = { mock_event_thread, "" },
	[MOCK_ACCEL_VECTOR_ENGINE] = { mock_engine_thread, "-engine" },
};

static int mock_request_vector(struct mock_device *mdev, unsigned int number)
{
	const struct mock_vector *vector = &mock_vectors[number];
	const char *name = devm_kasprintf(&mdev->pdev->dev, GFP_KERNEL, "%s%s",
					  dev_name(&mdev->dev), vector->suffix);

	if (!name)
		return -ENOMEM;
	return request_threaded_irq(pci_irq_vector(mdev->pdev, number), NULL, vector->thread,
				    IRQF_ONESHOT | IRQF_NO_AUTOEN, name, mdev);
}

/* The first @count. */
static void mock_free_vectors(struct mock_device *mdev, int count)
{
	while (count--)
		free_irq(pci_irq_vector(mdev->pdev, count), mdev);
	pci_free_irq_vectors(mdev->pdev);
}

/* Interrupts stay off until mock_events_start(): nothing is announced of a device unknown. */
int mock_events_init(struct mock_device *mdev)
{
	int i, err;

	mdev->vectors = pci_alloc_irq_vectors(mdev->pdev, 1, MOCK_ACCEL_VECTORS, PCI_IRQ_MSIX);
	if (mdev->vectors < 0)
		return mdev->vectors;
	for (i = 0; i < mdev->vectors; i++) {
		err = mock_request_vector(mdev, i);
		if (err) {
			mock_free_vectors(mdev, i);
			return err;
		}
	}
	return 0;
}

/* Also looks at once: what changed while the interrupt was off raised none. */
void mock_events_start(struct mock_device *mdev)
{
	int i;

	mutex_lock(&mdev->events_lock);
	for (i = 0; !mdev->events && i < mdev->vectors; i++)
		enable_irq(pci_irq_vector(mdev->pdev, i));
	mdev->events = true;
	mutex_unlock(&mdev->events_lock);
	mock_announce_changes(mdev);
}

/* Waits for a running handler, so not under mdev->lock. */
void mock_events_pause(struct mock_device *mdev)
{
	int i;

	mutex_lock(&mdev->events_lock);
	for (i = 0; mdev->events && i < mdev->vectors; i++)
		disable_irq(pci_irq_vector(mdev->pdev, i));
	mdev->events = false;
	mutex_unlock(&mdev->events_lock);
}

void mock_events_stop(struct mock_device *mdev)
{
	mock_free_vectors(mdev, mdev->vectors);
}

#ifdef CONFIG_KUNIT
#include "events_test.c"
#endif
