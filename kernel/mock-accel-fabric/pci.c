// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: binds, resets and unbinds a bridge; module entry and exit.
 *
 * The PCI core's rescan lock has to be held while a segment comes or goes. Where the bridge itself
 * is plugged or pulled, the core holds it when it calls probe and remove. Loading and unloading
 * the module take it here. Neither function can take it by itself: the core takes the device lock
 * of the bridge inside it. Who binds or unbinds a bridge through sysfs therefore does it without.
 */
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/module.h>
#include <linux/pm.h>
#include <linux/sizes.h>

#include "mock_fabric_drv.h"
#include "mock_identity.h"

/* Bits of mock_fabric.offline. */
#define MOCK_FABRIC_DEAD	0
#define MOCK_FABRIC_RESETTING	1

static const struct mock_identity mock_fabric_bridge = {
	.kind = "bridge",
	.what = "mock accelerator bridge",
	.reg = "MAGIC",
	.magic = MOCK_FABRIC_MAGIC,
	.abi = MOCK_FABRIC_ABI_VERSION,
};

/*
 * A bridge that is gone reads all ones. It is said once, and nobody asks its segment again. So does
 * one that is being reset.
 */
bool mock_fabric_answers(struct mock_fabric *fabric)
{
	if (ioread32(fabric->registers + MOCK_FABRIC_REG_MAGIC) == MOCK_FABRIC_MAGIC)
		return true;
	if (test_bit(MOCK_FABRIC_RESETTING, &fabric->offline))
		return false;
	/* The core has said itself that a bridge was pulled out. */
	if (!test_and_set_bit(MOCK_FABRIC_DEAD, &fabric->offline) &&
	    !pci_channel_offline(fabric->pdev))
		dev_err(&fabric->pdev->dev, "bridge does not answer (reads all ones): its segment is out of use\n");
	return false;
}

static int mock_fabric_check_compatible(struct mock_fabric *fabric)
{
	u32 magic = ioread32(fabric->registers + MOCK_FABRIC_REG_MAGIC);
	u32 abi = ioread32(fabric->registers + MOCK_FABRIC_REG_ABI);

	return mock_identity_check(&fabric->pdev->dev, &mock_fabric_bridge, magic, abi);
}

/* Takes a BAR that has to have @size bytes at least. */
static int mock_fabric_request_bar(struct pci_dev *pdev, int bar, resource_size_t size)
{
	struct resource *resource = &pdev->resource[bar];

	if (!(resource->flags & IORESOURCE_MEM) || resource_size(resource) < size) {
		dev_err(&pdev->dev, "BAR %d is not %pa bytes of memory: %pR\n", bar, &size,
			resource);
		return -ENODEV;
	}
	if (!devm_request_mem_region(&pdev->dev, resource->start, resource_size(resource),
				     MOCK_FABRIC_DRIVER_NAME)) {
		dev_err(&pdev->dev, "BAR %d is in use: %pR\n", bar, resource);
		return -EBUSY;
	}
	return 0;
}

static int mock_fabric_map_registers(struct mock_fabric *fabric)
{
	struct pci_dev *pdev = fabric->pdev;
	int err;

	err = mock_fabric_request_bar(pdev, MOCK_FABRIC_BAR_REGISTERS, MOCK_FABRIC_REGISTERS_SIZE);
	if (err)
		return err;
	fabric->registers = devm_ioremap(&pdev->dev,
					 pci_resource_start(pdev, MOCK_FABRIC_BAR_REGISTERS),
					 MOCK_FABRIC_REGISTERS_SIZE);
	return fabric->registers ? 0 : -ENOMEM;
}

static int mock_fabric_map_config(struct mock_fabric *fabric)
{
	struct pci_dev *pdev = fabric->pdev;
	resource_size_t size;
	int err;

	fabric->buses = ioread32(fabric->registers + MOCK_FABRIC_REG_BUSES);
	if (fabric->buses < 1 || fabric->buses > 256) {
		dev_err(&pdev->dev, "BUSES reads %u, not 1 to 256\n", fabric->buses);
		return -ENODEV;
	}
	size = (resource_size_t)fabric->buses * SZ_1M;
	err = mock_fabric_request_bar(pdev, MOCK_FABRIC_BAR_CONFIG, size);
	if (err)
		return err;
	fabric->config = devm_pci_remap_cfgspace(&pdev->dev,
						 pci_resource_start(pdev, MOCK_FABRIC_BAR_CONFIG),
						 size);
	return fabric->config ? 0 : -ENOMEM;
}

/* What a reset of the bridge takes away. Interrupts that came meanwhile are raised by VECTORS. */
static void mock_fabric_program(struct mock_fabric *fabric)
{
	if (!mock_fabric_answers(fabric))
		return;
	writeq(pci_resource_start(fabric->pdev, MOCK_FABRIC_BAR_WINDOW),
	       fabric->registers + MOCK_FABRIC_REG_WINDOW);
	iowrite32(fabric->vector_count, fabric->registers + MOCK_FABRIC_REG_VECTORS);
	clear_bit(MOCK_FABRIC_DEAD, &fabric->offline);
}

static int mock_fabric_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct pci_host_bridge *host;
	struct mock_fabric *fabric;
	int err;

	host = devm_pci_alloc_host_bridge(&pdev->dev, sizeof(*fabric));
	if (!host)
		return -ENOMEM;
	fabric = pci_host_bridge_priv(host);
	fabric->pdev = pdev;

	err = pcim_enable_device(pdev);
	if (err)
		return dev_err_probe(&pdev->dev, err, "cannot enable the bridge\n");
	err = mock_fabric_map_registers(fabric) ?: mock_fabric_check_compatible(fabric) ?:
	      mock_fabric_map_config(fabric);
	if (err)
		return err;

	pci_set_master(pdev);
	err = mock_fabric_interrupts_init(fabric);
	if (err)
		return dev_err_probe(&pdev->dev, err, "cannot set up interrupts\n");
	mock_fabric_program(fabric);
	err = mock_fabric_segment_add(fabric,
				      ioread32(fabric->registers + MOCK_FABRIC_REG_SEGMENT));
	if (err)
		goto exit_interrupts;
	err = mock_fabric_defer(fabric, mock_fabric_segment_bind);
	if (err)
		goto remove_segment;
	pci_set_drvdata(pdev, fabric);
	mock_fabric_watch_start(fabric);
	return 0;

remove_segment:
	mock_fabric_segment_remove(fabric);
exit_interrupts:
	mock_fabric_interrupts_exit(fabric);
	return err;
}

static void mock_fabric_remove(struct pci_dev *pdev)
{
	struct mock_fabric *fabric = pci_get_drvdata(pdev);

	mock_fabric_watch_pause(fabric);
	/* The segment of a dead bridge is taken down without asking each of its functions. */
	mock_fabric_answers(fabric);
	mock_fabric_segment_unbind(fabric);
	mock_fabric_segment_remove(fabric);
	mock_fabric_interrupts_exit(fabric);
}

static void mock_fabric_reset_prepare(struct pci_dev *pdev)
{
	struct mock_fabric *fabric = pci_get_drvdata(pdev);

	mock_fabric_watch_pause(fabric);
	set_bit(MOCK_FABRIC_RESETTING, &fabric->offline);
}

/*
 * Functions are unbound before the rescan lock is taken: who enables VFs holds the device lock of
 * their PF, which unbinding needs, while waiting for the rescan lock.
 */
static void mock_fabric_unbind_functions(struct pci_dev *pdev)
{
	mock_fabric_with_segment(pdev, mock_fabric_segment_unbind);
}

static void mock_fabric_probe_again(struct pci_dev *pdev)
{
	int err;

	mock_fabric_unbind_functions(pdev);
	pci_lock_rescan_remove();
	err = device_reprobe(&pdev->dev);
	pci_unlock_rescan_remove();
	if (err < 0)
		dev_err(&pdev->dev, "segment does not come back after a reset: error %d\n", err);
}

/*
 * The reset has taken their configuration from all functions of the segment. The core does not know
 * that they stand behind this bridge, so that nobody has saved it: they go, and are found again.
 */
static void mock_fabric_reset_done(struct pci_dev *pdev)
{
	struct mock_fabric *fabric = pci_get_drvdata(pdev);

	mock_fabric_program(fabric);
	clear_bit(MOCK_FABRIC_RESETTING, &fabric->offline);
	if (mock_fabric_answers(fabric) && mock_fabric_defer(fabric, mock_fabric_probe_again))
		dev_err(&pdev->dev, "no memory to find the segment's functions again\n");
	mock_fabric_watch_resume(fabric);
}

/* Before the core restores the functions of the segment, which it does in the same phase. */
static int mock_fabric_resume_noirq(struct device *dev)
{
	mock_fabric_program(dev_get_drvdata(dev));
	return 0;
}

static const struct dev_pm_ops mock_fabric_pm_ops = {
	NOIRQ_SYSTEM_SLEEP_PM_OPS(NULL, mock_fabric_resume_noirq)
};

static const struct pci_error_handlers mock_fabric_error_handlers = {
	.reset_prepare = mock_fabric_reset_prepare,
	.reset_done = mock_fabric_reset_done,
};

static const struct pci_device_id mock_fabric_ids[] = {
	{ PCI_DEVICE(MOCK_ACCEL_PCI_VENDOR, MOCK_FABRIC_PCI_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, mock_fabric_ids);

static struct pci_driver mock_fabric_pci_driver = {
	.name = MOCK_FABRIC_DRIVER_NAME,
	.id_table = mock_fabric_ids,
	.probe = mock_fabric_probe,
	.remove = mock_fabric_remove,
	.err_handler = &mock_fabric_error_handlers,
	.driver = {
		.pm = pm_sleep_ptr(&mock_fabric_pm_ops),
		/* Bridges are there when the driver has been registered. */
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

/* Under the device lock of @pdev. NULL: it is not bound to this driver, or not any more. */
struct mock_fabric *mock_fabric_of_bridge(struct pci_dev *pdev)
{
	return pci_dev_driver(pdev) == &mock_fabric_pci_driver ? pci_get_drvdata(pdev) : NULL;
}

static int __init mock_fabric_init(void)
{
	int err;

	err = mock_fabric_work_init();
	if (err)
		return err;
	pci_lock_rescan_remove();
	err = pci_register_driver(&mock_fabric_pci_driver);
	pci_unlock_rescan_remove();
	if (err) {
		mock_fabric_work_exit();
		return err;
	}
	/* Devices are there when the module has been loaded. */
	mock_fabric_work_flush();
	return 0;
}
module_init(mock_fabric_init);

static int mock_fabric_unbind_functions_of(struct device *dev, void *unused)
{
	mock_fabric_unbind_functions(to_pci_dev(dev));
	return 0;
}

static void __exit mock_fabric_exit(void)
{
	mock_fabric_work_flush();
	WARN_ON(driver_for_each_device(&mock_fabric_pci_driver.driver, NULL, NULL,
				       mock_fabric_unbind_functions_of));
	pci_lock_rescan_remove();
	pci_unregister_driver(&mock_fabric_pci_driver);
	pci_unlock_rescan_remove();
	mock_fabric_work_exit();
}
module_exit(mock_fabric_exit);

MODULE_DESCRIPTION("PCI segment of accelerators that do not exist");
MODULE_VERSION(MOCK_ACCEL_VERSION);
MODULE_LICENSE("GPL");
