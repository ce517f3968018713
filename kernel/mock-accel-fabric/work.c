// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: what is done to a bridge later, by a task that holds no lock.
 */
#include <linux/slab.h>

#include "mock_fabric_drv.h"

/* What is queued here ends before the module goes, and does not run while the machine sleeps. */
struct workqueue_struct *mock_fabric_workqueue;

/**
 * struct mock_fabric_errand - something to be done to a bridge
 * @work: does it
 * @pdev: the bridge. Somebody else may have unbound or removed it meanwhile
 * @todo: what it is
 */
struct mock_fabric_errand {
	struct work_struct work;
	struct pci_dev *pdev;
	void (*todo)(struct pci_dev *pdev);
};

static void mock_fabric_run_errand(struct work_struct *work)
{
	struct mock_fabric_errand *errand = container_of(work, struct mock_fabric_errand, work);

	errand->todo(errand->pdev);
	pci_dev_put(errand->pdev);
	kfree(errand);
}

/* Nobody waits for it with a lock that @todo takes. */
int mock_fabric_defer(struct mock_fabric *fabric, void (*todo)(struct pci_dev *pdev))
{
	struct mock_fabric_errand *errand = kzalloc(sizeof(*errand), GFP_KERNEL);

	if (!errand)
		return -ENOMEM;
	errand->pdev = pci_dev_get(fabric->pdev);
	errand->todo = todo;
	INIT_WORK(&errand->work, mock_fabric_run_errand);
	queue_work(mock_fabric_workqueue, &errand->work);
	return 0;
}

/* Waits for all that has been deferred. The caller holds no lock. */
void mock_fabric_work_flush(void)
{
	flush_workqueue(mock_fabric_workqueue);
}

int mock_fabric_work_init(void)
{
	mock_fabric_workqueue = alloc_workqueue(MOCK_FABRIC_DRIVER_NAME,
						WQ_UNBOUND | WQ_FREEZABLE, 0);
	return mock_fabric_workqueue ? 0 : -ENOMEM;
}

/* No bridge is bound any more. */
void mock_fabric_work_exit(void)
{
	destroy_workqueue(mock_fabric_workqueue);
}
