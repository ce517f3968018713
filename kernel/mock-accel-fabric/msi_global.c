// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: MSI and MSI-X where a segment has one domain for those of all its functions.
 */
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>

#include "mock_fabric_drv.h"

static struct irq_chip mock_fabric_msi_chip = {
	.name = "mock-fabric-msi",
	.irq_ack = mock_fabric_ack,
	.irq_mask = pci_msi_mask_irq,
	.irq_unmask = pci_msi_unmask_irq,
	.irq_set_affinity = mock_fabric_set_affinity,
};

static struct msi_domain_info mock_fabric_msi_info = {
	.flags = MSI_FLAG_USE_DEF_DOM_OPS | MSI_FLAG_USE_DEF_CHIP_OPS | MSI_FLAG_PCI_MSIX,
	.chip = &mock_fabric_msi_chip,
};

int mock_fabric_msi_add(struct mock_fabric *fabric)
{
	fabric->number_domain = irq_domain_create_linear(fabric->fwnode, MOCK_FABRIC_INTERRUPTS,
							 &mock_fabric_number_ops, fabric);
	if (!fabric->number_domain)
		return -ENOMEM;
	/* Two domains of one name are told apart by what they are for. */
	irq_domain_update_bus_token(fabric->number_domain, DOMAIN_BUS_NEXUS);
	fabric->msi_domain = pci_msi_create_irq_domain(fabric->fwnode, &mock_fabric_msi_info,
						       fabric->number_domain);
	if (!fabric->msi_domain) {
		irq_domain_remove(fabric->number_domain);
		return -ENOMEM;
	}
	/*
	 * Linux 6.1 with interrupt remapping puts functions into a domain of its own, unless theirs
	 * is marked as that of a bridge with a segment. Nothing else looks at which bridge it is.
	 */
	irq_domain_update_bus_token(fabric->msi_domain, DOMAIN_BUS_VMD_MSI);
	return 0;
}

void mock_fabric_msi_remove(struct mock_fabric *fabric)
{
	irq_domain_remove(fabric->msi_domain);
	irq_domain_remove(fabric->number_domain);
}
