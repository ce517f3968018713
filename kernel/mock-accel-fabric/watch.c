// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: notices that the bridge has died, and takes it off the machine.
 *
 * A bridge whose server is gone raises no interrupt to say so, and a port above it says that all is
 * well. So it is asked. One that reads all ones is removed, as one would be that is pulled out by
 * surprise: with its segment, and for good. A bridge that comes later is another device.
 */
#include "mock_fabric_drv.h"

#define MOCK_FABRIC_WATCH_PERIOD	(2 * HZ)

/*
 * Functions are unbound before the rescan lock is taken: who enables VFs holds the device lock of
 * their PF, which unbinding needs, while waiting for the rescan lock.
 */
static void mock_fabric_remove_bridge(struct pci_dev *pdev)
{
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
}

static void mock_fabric_look(struct work_struct *work)
{
	struct mock_fabric *fabric =
		container_of(to_delayed_work(work), struct mock_fabric, watch);

	if (!mock_fabric_answers(fabric) && !mock_fabric_defer(fabric, mock_fabric_remove_bridge))
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
