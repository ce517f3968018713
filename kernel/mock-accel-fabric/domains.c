// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: a segment's numbers as the MSI and MSI-X of its functions.
 *
 * The core finds an interrupt's way in domains that stand on each other. The lower one has the
 * segment's numbers, and turns each into a message. The upper one writes messages into functions.
 * Of its kind there are two, see Kbuild: of older kernels, one for all functions of a segment
 * (msi_global.c), and of newer ones, one that the core makes for each (msi_per_device.c).
 */
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <linux/msi.h>

#include "mock_fabric_drv.h"

static void mock_fabric_compose_message(struct irq_data *data, struct msi_msg *message)
{
	message->address_hi = 0;
	message->address_lo = MOCK_FABRIC_MSI_ADDRESS;
	message->data = data->hwirq;
}

static struct irq_chip mock_fabric_number_chip = {
	.name = "mock-fabric",
	.irq_compose_msi_msg = mock_fabric_compose_message,
};

/* One at a time: there is no MSI with several vectors, which go together. */
static int mock_fabric_domain_alloc(struct irq_domain *domain, unsigned int virq,
				    unsigned int count, void *argument)
{
	struct mock_fabric *fabric = domain->host_data;
	msi_alloc_info_t *info = argument;
	int number;

	if (count != 1)
		return -EINVAL;
	number = mock_fabric_take_number(fabric, msi_desc_to_pci_dev(info->desc));
	if (number < 0)
		return number;
	irq_domain_set_info(domain, virq, number, &mock_fabric_number_chip, fabric,
			    handle_edge_irq, NULL, "edge");
	return 0;
}

static void mock_fabric_domain_free(struct irq_domain *domain, unsigned int virq,
				    unsigned int count)
{
	struct irq_data *data = irq_domain_get_irq_data(domain, virq);

	if (!data || count != 1)
		return;
	mock_fabric_give_number(domain->host_data, data->hwirq);
	irq_domain_reset_irq_data(data);
}

const struct irq_domain_ops mock_fabric_number_ops = {
	.alloc = mock_fabric_domain_alloc,
	.free = mock_fabric_domain_free,
};

/* Reading PENDING has done it. */
void mock_fabric_ack(struct irq_data *data)
{
}

/* An interrupt comes where its bridge's vector comes. That one can be moved. */
int mock_fabric_set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	return -EINVAL;
}

int mock_fabric_domains_init(struct mock_fabric *fabric)
{
	int err;

	fabric->fwnode = irq_domain_alloc_named_fwnode(dev_name(&fabric->pdev->dev));
	if (!fabric->fwnode)
		return -ENOMEM;
	err = mock_fabric_msi_add(fabric);
	if (err)
		irq_domain_free_fwnode(fabric->fwnode);
	return err;
}

void mock_fabric_domains_exit(struct mock_fabric *fabric)
{
	mock_fabric_msi_remove(fabric);
	irq_domain_free_fwnode(fabric->fwnode);
}

#ifdef CONFIG_KUNIT
#include "domains_test.c"
#endif
