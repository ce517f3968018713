// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: notices that the bridge has died, and takes it off the machine.
 *
 * A bridge whose server is gone raises no interrupt to say so, and a port above it says that all is
 * well. So it is asked. One that reads all ones is removed, as one would be that is pulled out by
 * surprise: with its segment, and for good. A bridge that comes later is another device.
 */
#include <linux/slab.h>

#include "mock_fabric_drv.h"

#define MOCK_FABRIC_WATCH_PERIOD	(2 * HZ)

/* What is queued here ends before the module goes, and does not run while the machine sleeps. */
static struct workqueue_struct *mock_fabric_workqueue;

/**
 * struct mock_fabric_removal - the removal of a bridge
 * @work: does it, holding no lock that whoever unbinds the bridge may wait with
 * @pdev: the bridge. Somebody else may have unbound or removed it meanwhile
 */
struct mock_fabric_removal {
	struct work_struct work;
	struct pci_dev *pdev;
};

/*
 * Functions are unbound before the rescan lock is taken: who enables VFs holds the device lock of
 * their PF, which unbinding needs, while waiting for the rescan lock.
 */
static void mock_fabric_remove_bridge(struct work_struct *work)
{
	struct mock_fabric_removal *removal =
		container_of(work, struct mock_fabric_removal, work);
	struct pci_dev *pdev = removal->pdev;
	struct mock_fabric *fabric;
	bool dead;

	device_lock(&pdev->dev);
	fabric = mock_fabric_of_bridge(pdev);
	dead = fabric && !mock_fabric_answers(fabric);
	if (dead)
		mock_fabric_segment_unbind(fabric);
	device_unlock(&pdev->dev);
	if (dead)
		pci_stop_and_remove_bus_device_locked(pdev);
	pci_dev_put(pdev);
	kfree(removal);
}

static bool mock_fabric_queue_removal(struct mock_fabric *fabric)
{
	struct mock_fabric_removal *removal = kzalloc(sizeof(*removal), GFP_KERNEL);

	if (!removal)
		return false;
	removal->pdev = pci_dev_get(fabric->pdev);
	INIT_WORK(&removal->work, mock_fabric_remove_bridge);
	queue_work(mock_fabric_workqueue, &removal->work);
	return true;
}

static void mock_fabric_look(struct work_struct *work)
{
	struct mock_fabric *fabric =
		container_of(to_delayed_work(work), struct mock_fabric, watch);

	if (!mock_fabric_answers(fabric) && mock_fabric_queue_removal(fabric))
		return;
	mock_fabric_watch_resume(fabric);
}

/* The bridge has its driver data. */
void mock_fabric_watch_start(struct mock_fabric *fabric)
{
	INIT_DELAYED_WORK(&fabric->watch, mock_fabric_look);
	mock_fabric_watch_resume(fabric);
}

/* While it is paused, the bridge may read all ones. */
void mock_fabric_watch_pause(struct mock_fabric *fabric)
{
	cancel_delayed_work_sync(&fabric->watch);
}

void mock_fabric_watch_resume(struct mock_fabric *fabric)
{
	queue_delayed_work(mock_fabric_workqueue, &fabric->watch, MOCK_FABRIC_WATCH_PERIOD);
}

int mock_fabric_watch_init(void)
{
	mock_fabric_workqueue = alloc_workqueue(MOCK_FABRIC_DRIVER_NAME,
						WQ_UNBOUND | WQ_FREEZABLE, 0);
	return mock_fabric_workqueue ? 0 : -ENOMEM;
}

/* No bridge is bound any more. */
void mock_fabric_watch_exit(void)
{
	destroy_workqueue(mock_fabric_workqueue);
}
