// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: MSI and MSI-X where each function has a domain of its own for them.
 */
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>

#include "mock_fabric_drv.h"

/* Of a function's own domain, which is about to be made. */
static bool mock_fabric_init_dev_msi_info(struct device *dev, struct irq_domain *domain,
					  struct irq_domain *parent, struct msi_domain_info *info)
{
	const struct msi_parent_ops *ops = domain->msi_parent_ops;

	if (info->bus_token != DOMAIN_BUS_PCI_DEVICE_MSI &&
	    info->bus_token != DOMAIN_BUS_PCI_DEVICE_MSIX)
		return false;
	info->flags &= ops->supported_flags;
	info->flags |= ops->required_flags;
	info->chip->irq_ack = mock_fabric_ack;
	info->chip->irq_set_affinity = mock_fabric_set_affinity;
	return true;
}

static const struct msi_parent_ops mock_fabric_parent_ops = {
	.supported_flags = MSI_GENERIC_FLAGS_MASK | MSI_FLAG_PCI_MSIX,
	.required_flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS,
	.prefix = "mock-fabric-",
	.init_dev_msi_info = mock_fabric_init_dev_msi_info,
};

int mock_fabric_msi_add(struct mock_fabric *fabric)
{
	struct irq_domain_info info = {
		.fwnode = fabric->fwnode,
		.size = MOCK_FABRIC_INTERRUPTS,
		.ops = &mock_fabric_number_ops,
		.host_data = fabric,
	};

	fabric->number_domain = msi_create_parent_irq_domain(&info, &mock_fabric_parent_ops);
	if (!fabric->number_domain)
		return -ENOMEM;
	fabric->msi_domain = fabric->number_domain;
	return 0;
}

void mock_fabric_msi_remove(struct mock_fabric *fabric)
{
	irq_domain_remove(fabric->number_domain);
}
