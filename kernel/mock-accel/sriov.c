// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: VFs on demand. While they come and go, nobody loses a device that he holds: neither a
 * VF that goes, nor a PF that is divided. The driver that goes takes VFs along, whoever holds them.
 */
#include "mock_accel_drv.h"

/*
 * Under mdev->lock. A device that does not answer is held by nobody; one that is being recovered
 * from an error, by whom it is given back to.
 */
static bool mock_is_held(struct mock_device *mdev)
{
	struct mock_allocation now = mdev->saved;

	if (mdev->state != MOCK_FROZEN && mock_allocation_read(mdev, &now))
		return false;
	return now.status != MOCK_ACCEL_STATUS_FREE;
}

/* NULL: all are free. */
static struct mock_device *mock_find_held_vf(struct mock_device *pf)
{
	struct mock_device *vf;

	list_for_each_entry(vf, &pf->vfs, sibling)
		if (mock_is_held(vf))
			return vf;
	return NULL;
}

/*
 * All may leave, or all stay: while they are looked at, nobody gets one. Waits for resets of single
 * VFs to end. One that is bound later is there for nobody.
 */
static int mock_reclaim_vfs(struct mock_device *pf)
{
	struct mock_device *vf, *held;

	mutex_lock(&pf->reset_lock);
	list_for_each_entry(vf, &pf->vfs, sibling)
		mutex_lock_nest_lock(&vf->lock, &pf->reset_lock);
	held = mock_find_held_vf(pf);
	pf->vfs_leaving = !held;
	if (held)
		dev_warn_ratelimited(&pf->pdev->dev, "VFs stay: %s is allocated\n",
				     dev_name(&held->dev));
	list_for_each_entry(vf, &pf->vfs, sibling)
		mutex_unlock(&vf->lock);
	mutex_unlock(&pf->reset_lock);
	return held ? -EBUSY : 0;
}

static int mock_remove_vfs(struct mock_device *pf)
{
	int err = mock_reclaim_vfs(pf);

	if (err)
		return err;
	pci_disable_sriov(pf->pdev);
	pf->vfs_leaving = false;
	return 0;
}

static int mock_check_pf_free(struct mock_device *pf)
{
	bool held;

	mutex_lock(&pf->lock);
	held = mock_is_held(pf);
	mutex_unlock(&pf->lock);
	if (!held)
		return 0;
	dev_warn_ratelimited(&pf->pdev->dev, "no VFs: %s is allocated as a whole\n",
			     dev_name(&pf->dev));
	return -EBUSY;
}

/* Called by the core under the PF's device lock. The number of VFs; -EBUSY: somebody holds one. */
int mock_sriov_configure(struct pci_dev *pdev, int count)
{
	struct mock_device *pf = pci_get_drvdata(pdev);
	int err;

	if (count == 0)
		return mock_remove_vfs(pf);
	err = mock_check_pf_free(pf) ?: pci_enable_sriov(pdev, count);
	return err ?: count;
}
