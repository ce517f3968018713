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

/* Whether a VF is free. If it is, nobody gets it any more. */
static bool mock_vf_may_leave(struct mock_device *vf)
{
	bool leaving;

	mutex_lock(&vf->lock);
	leaving = !mock_is_held(vf);
	vf->leaving = leaving;
	mutex_unlock(&vf->lock);
	return leaving;
}

static void mock_let_vfs_stay(struct mock_device *pf)
{
	struct mock_device *vf;

	list_for_each_entry(vf, &pf->vfs, sibling) {
		mutex_lock(&vf->lock);
		vf->leaving = false;
		mutex_unlock(&vf->lock);
	}
}

/* All may leave, or all stay. Waits for resets of single VFs to end. */
static int mock_reclaim_vfs(struct mock_device *pf)
{
	struct mock_device *vf;
	int err = 0;

	mutex_lock(&pf->reset_lock);
	list_for_each_entry(vf, &pf->vfs, sibling) {
		if (mock_vf_may_leave(vf))
			continue;
		dev_warn_ratelimited(&pf->pdev->dev, "VFs stay: %s is allocated\n",
				     dev_name(&vf->dev));
		mock_let_vfs_stay(pf);
		err = -EBUSY;
		break;
	}
	mutex_unlock(&pf->reset_lock);
	return err;
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

	if (count == 0) {
		err = mock_reclaim_vfs(pf);
		if (!err)
			pci_disable_sriov(pdev);
		return err;
	}
	err = mock_check_pf_free(pf) ?: pci_enable_sriov(pdev, count);
	return err ?: count;
}
