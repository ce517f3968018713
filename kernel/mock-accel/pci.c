// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: binds, resets and unbinds a function; module entry and exit.
 *
 * Serves two ids by itself and any other by new_id: what decides is the device's own registers.
 */
#include <linux/module.h>
#include <linux/pm.h>

#include "mock_accel_drv.h"

#define MOCK_DRIVER_NAME	"mock-accel"

static struct pci_driver mock_pci_driver;

/* The device of a VF's PF; NULL where @pdev is no VF or this driver does not drive its PF. */
struct mock_device *mock_physfn(struct pci_dev *pdev)
{
	struct mock_device *pf = pci_iov_get_pf_drvdata(pdev, &mock_pci_driver);

	return IS_ERR(pf) ? NULL : pf;
}

/* One way from 6.1 to the newest kernel; the helpers for a single BAR come and go between them. */
static void __iomem *mock_map_registers(struct pci_dev *pdev)
{
	resource_size_t start = pci_resource_start(pdev, MOCK_ACCEL_BAR);
	resource_size_t size = pci_resource_len(pdev, MOCK_ACCEL_BAR);
	void __iomem *regs;

	if (!(pci_resource_flags(pdev, MOCK_ACCEL_BAR) & IORESOURCE_MEM) ||
	    size < MOCK_ACCEL_BAR_SIZE) {
		dev_err(&pdev->dev, "BAR %d is not %d bytes of memory: %pR\n", MOCK_ACCEL_BAR,
			MOCK_ACCEL_BAR_SIZE, &pdev->resource[MOCK_ACCEL_BAR]);
		return IOMEM_ERR_PTR(-ENODEV);
	}
	if (!devm_request_mem_region(&pdev->dev, start, size, MOCK_DRIVER_NAME)) {
		dev_err(&pdev->dev, "BAR %d is in use: %pR\n", MOCK_ACCEL_BAR,
			&pdev->resource[MOCK_ACCEL_BAR]);
		return IOMEM_ERR_PTR(-EBUSY);
	}
	regs = devm_ioremap(&pdev->dev, start, size);
	return regs ?: IOMEM_ERR_PTR(-ENOMEM);
}

/* A PF and its VFs are reset one at a time, for a PF takes its VFs along. */
static struct mutex *mock_reset_lock(struct mock_device *mdev)
{
	return mdev->pf ? &mdev->pf->reset_lock : &mdev->reset_lock;
}

/* Waits for a reset of the PF to end. */
static void mock_leave_pf(struct mock_device *mdev)
{
	if (!mdev->pf)
		return;
	mutex_lock(mock_reset_lock(mdev));
	list_del(&mdev->sibling);
	mutex_unlock(mock_reset_lock(mdev));
}

static int mock_bind(struct pci_dev *pdev)
{
	struct mock_device *mdev;
	void __iomem *regs;
	int err;

	err = pcim_enable_device(pdev);
	if (err)
		return dev_err_probe(&pdev->dev, err, "cannot enable the device\n");
	regs = mock_map_registers(pdev);
	if (IS_ERR(regs))
		return PTR_ERR(regs);

	mdev = mock_device_alloc(pdev, regs);
	if (!mdev)
		return -ENOMEM;
	err = mock_identify(mdev) ?: mock_device_name(mdev);
	if (err)
		goto put;

	err = mock_engine_init(mdev);
	if (err) {
		dev_err(&pdev->dev, "cannot set up the engine: error %d\n", err);
		goto put;
	}
	pci_set_master(pdev);
	err = mock_events_init(mdev);
	if (err) {
		dev_err(&pdev->dev, "cannot get an interrupt: error %d\n", err);
		goto put;
	}

	/* For pci_restore_state() after an error. */
	pci_save_state(pdev);
	pci_set_drvdata(pdev, mdev);
	err = mock_device_register(mdev);
	if (err) {
		dev_err(&pdev->dev, "cannot register %s: error %d\n", dev_name(&mdev->dev), err);
		goto stop;
	}
	mock_events_start(mdev);
	/* From now on, a reset of the PF takes this VF along. */
	if (mdev->pf)
		list_add_tail(&mdev->sibling, &mdev->pf->vfs);
	return 0;

stop:
	mock_events_stop(mdev);
put:
	put_device(&mdev->dev);
	return err;
}

/* A VF comes before a reset of its PF or after it. */
static int mock_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct mock_device *pf = mock_physfn(pdev);
	int err;

	if (!pf)
		return mock_bind(pdev);
	mutex_lock(&pf->reset_lock);
	err = mock_bind(pdev);
	mutex_unlock(&pf->reset_lock);
	return err;
}

static void mock_remove(struct pci_dev *pdev)
{
	struct mock_device *mdev = pci_get_drvdata(pdev);

	pci_disable_sriov(pdev);
	mock_leave_pf(mdev);
	mock_events_stop(mdev);
	mock_device_unregister(mdev);
	put_device(&mdev->dev);
}

/*
 * Reset, suspend and error recovery take the allocation from the device. It is carried over each
 * of them, and interrupts are off meanwhile. The engine is stopped; works in flight are aborted.
 * The callers hold the device lock, or of a VF that of its PF.
 */

/* Under mdev->lock. */
static void mock_quiesce(struct mock_device *mdev)
{
	/*
	 * A VF that an error has frozen may also be taken along by its PF, and what died in a
	 * recovery may be brought back by a reset: who held it then is not forgotten.
	 */
	if (mdev->state == MOCK_LIVE)
		mock_allocation_save(mdev);
	mock_engine_stop(mdev);
	if (mdev->state == MOCK_LIVE)
		WRITE_ONCE(mdev->state, MOCK_FROZEN);
}

/* Under mdev->lock. A dead device that answers again is live again. */
static void mock_revive(struct mock_device *mdev)
{
	if (mdev->state == MOCK_LIVE)
		return;
	if (!mock_answers(mdev)) {
		mock_declare_dead(mdev);
		return;
	}
	WRITE_ONCE(mdev->state, MOCK_LIVE);
	mock_allocation_restore(mdev);
	mock_engine_reset_done(mdev);
}

/* Who wants something of the device waits until it is thawed, see mock_lock(). */
static void mock_freeze(struct mock_device *mdev)
{
	mock_events_pause(mdev);
	mutex_lock(&mdev->lock);
	mock_quiesce(mdev);
	mdev->resetting = true;
	mutex_unlock(&mdev->lock);
}

static void mock_thaw(struct mock_device *mdev)
{
	mutex_lock(&mdev->lock);
	mock_revive(mdev);
	WRITE_ONCE(mdev->resetting, false);
	mutex_unlock(&mdev->lock);
	wake_up_all(&mdev->changes);
}

/*
 * A reset of a PF resets its VFs, too, and the core does not save and restore them with it: those
 * that this driver drives are taken along here, by whom is under the PF's reset_lock.
 */
static void mock_take_vf_along(struct mock_device *vf)
{
	mock_freeze(vf);
	pci_save_state(vf->pdev);
}

/* The PF's SR-IOV has been restored. */
static void mock_bring_vf_back(struct mock_device *pf, struct mock_device *vf)
{
	/* Of a PF that is dead, the core would try at length. */
	if (!mock_lost(pf)) {
		pci_restore_state(vf->pdev);
		/* For pci_restore_state() after an error. */
		pci_save_state(vf->pdev);
	}
	mock_thaw(vf);
}

/*
 * The core pairs the two calls. A reset of the whole bus calls them for the PF first and then for
 * each VF, which has been taken along.
 */
static void mock_reset_prepare(struct pci_dev *pdev)
{
	struct mock_device *mdev = pci_get_drvdata(pdev), *vf;

	mdev->reset_with_pf = mdev->pf && READ_ONCE(mdev->pf->resetter) == current;
	if (mdev->reset_with_pf)
		return;

	mutex_lock(mock_reset_lock(mdev));
	WRITE_ONCE(mdev->resetter, current);
	mock_freeze(mdev);
	list_for_each_entry(vf, &mdev->vfs, sibling)
		mock_take_vf_along(vf);
}

static void mock_reset_done(struct pci_dev *pdev)
{
	struct mock_device *mdev = pci_get_drvdata(pdev), *vf;

	if (mdev->reset_with_pf)
		return;

	mock_thaw(mdev);
	/* The core has used up what was saved, for pci_restore_state() after an error. */
	if (!mock_lost(mdev))
		pci_save_state(pdev);
	list_for_each_entry(vf, &mdev->vfs, sibling)
		mock_bring_vf_back(mdev, vf);
	list_for_each_entry(vf, &mdev->vfs, sibling)
		mock_events_start(vf);
	mock_events_start(mdev);
	WRITE_ONCE(mdev->resetter, NULL);
	mutex_unlock(mock_reset_lock(mdev));
}

static int mock_suspend(struct device *dev)
{
	struct mock_device *mdev = dev_get_drvdata(dev);

	mock_events_pause(mdev);
	mutex_lock(&mdev->lock);
	mock_quiesce(mdev);
	mutex_unlock(&mdev->lock);
	return 0;
}

/* Of a VF that is being reset with its PF, the end of that reset does it. */
static int mock_resume(struct device *dev)
{
	struct mock_device *mdev = dev_get_drvdata(dev);
	bool resetting;

	mutex_lock(&mdev->lock);
	resetting = mdev->resetting;
	if (!resetting)
		mock_revive(mdev);
	mutex_unlock(&mdev->lock);
	if (!resetting)
		mock_events_start(mdev);
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(mock_pm_ops, mock_suspend, mock_resume);

static void mock_give_up(struct mock_device *mdev)
{
	mutex_lock(&mdev->lock);
	mock_declare_dead(mdev);
	mutex_unlock(&mdev->lock);
}

static pci_ers_result_t mock_error_detected(struct pci_dev *pdev, pci_channel_state_t channel)
{
	switch (channel) {
	case pci_channel_io_normal:
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		mock_suspend(&pdev->dev);
		return PCI_ERS_RESULT_NEED_RESET;
	default:
		mock_give_up(pci_get_drvdata(pdev));
		return PCI_ERS_RESULT_DISCONNECT;
	}
}

static pci_ers_result_t mock_slot_reset(struct pci_dev *pdev)
{
	struct mock_device *mdev = pci_get_drvdata(pdev);
	bool answers;

	pci_restore_state(pdev);
	pci_save_state(pdev);
	mutex_lock(&mdev->lock);
	answers = mdev->resetting || mock_answers(mdev);
	if (!answers)
		mock_declare_dead(mdev);
	mutex_unlock(&mdev->lock);
	return answers ? PCI_ERS_RESULT_RECOVERED : PCI_ERS_RESULT_DISCONNECT;
}

static void mock_error_resume(struct pci_dev *pdev)
{
	mock_resume(&pdev->dev);
}

static const struct pci_error_handlers mock_error_handlers = {
	.error_detected = mock_error_detected,
	.slot_reset = mock_slot_reset,
	.resume = mock_error_resume,
	.reset_prepare = mock_reset_prepare,
	.reset_done = mock_reset_done,
};

static const struct pci_device_id mock_ids[] = {
	{ PCI_DEVICE(MOCK_ACCEL_PCI_VENDOR, MOCK_ACCEL_PCI_DEVICE_PF) },
	{ PCI_DEVICE(MOCK_ACCEL_PCI_VENDOR, MOCK_ACCEL_PCI_DEVICE_VF) },
	{ }
};
MODULE_DEVICE_TABLE(pci, mock_ids);

static struct pci_driver mock_pci_driver = {
	.name = MOCK_DRIVER_NAME,
	.id_table = mock_ids,
	.probe = mock_probe,
	.remove = mock_remove,
	.sriov_configure = mock_sriov_configure,
	.err_handler = &mock_error_handlers,
	.driver = {
		.pm = pm_sleep_ptr(&mock_pm_ops),
		/* Devices are there when the module has been loaded. */
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

static int __init mock_init(void)
{
	int err;

	err = mock_class_register();
	if (err)
		return err;
	err = mock_chrdev_register();
	if (err)
		goto unregister_class;
	err = pci_register_driver(&mock_pci_driver);
	if (err)
		goto unregister_chrdev;
	return 0;

unregister_chrdev:
	mock_chrdev_unregister();
unregister_class:
	mock_class_unregister();
	return err;
}
module_init(mock_init);

static void __exit mock_exit(void)
{
	pci_unregister_driver(&mock_pci_driver);
	mock_chrdev_unregister();
	mock_class_unregister();
}
module_exit(mock_exit);

MODULE_DESCRIPTION("Accelerator that does not exist, for work on device management");
MODULE_VERSION(MOCK_ACCEL_VERSION);
MODULE_LICENSE("GPL");
