// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: interrupts of the segment's functions, out of the bridge's own.
 *
 * Each interrupt of a function has a number on its segment. Messages with that number set a bit in
 * the bridge's PENDING words and raise one of the bridge's vectors, whose handler reads the bits
 * and passes them on.
 */
#include <linux/bitops.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/irq.h>
#include <linux/msi.h>

#include "mock_fabric_drv.h"

#define MOCK_FABRIC_WORD_BITS	64

/* Reading gives the bits and clears them. */
static u64 mock_fabric_read_pending(struct mock_fabric *fabric, unsigned int word)
{
	return readq(fabric->registers + MOCK_FABRIC_REG_PENDING + word * sizeof(u64));
}

static bool mock_fabric_word_used(struct mock_fabric *fabric, unsigned int word)
{
	unsigned long end = (word + 1) * MOCK_FABRIC_WORD_BITS;

	return find_next_bit(fabric->numbers, end, end - MOCK_FABRIC_WORD_BITS) < end;
}

static void mock_fabric_deliver(struct mock_fabric *fabric, unsigned int word)
{
	u64 pending = mock_fabric_read_pending(fabric, word);

	if (pending == U64_MAX && !mock_fabric_answers(fabric))
		return;
	for (; pending; pending &= pending - 1)
		generic_handle_domain_irq(fabric->number_domain,
					  word * MOCK_FABRIC_WORD_BITS + __ffs64(pending));
}

/* An interrupt that finds no bits has been answered by the one before it. */
static irqreturn_t mock_fabric_interrupt(int irq, void *data)
{
	const struct mock_fabric_vector *vector = data;
	struct mock_fabric *fabric = vector->fabric;
	unsigned int word;

	for (word = vector->index; word < MOCK_FABRIC_WORDS; word += fabric->vector_count)
		if (mock_fabric_word_used(fabric, word))
			mock_fabric_deliver(fabric, word);
	return IRQ_HANDLED;
}

/*
 * Where a function's numbers are looked for first. Reading a word is what costs a handler its
 * time. So a function's numbers share a word: one read finds all that it has to say. And only one
 * word of each vector is used until that is full. Which, goes by the function's address.
 */
static unsigned int mock_fabric_home(struct mock_fabric *fabric, struct pci_dev *pdev)
{
	unsigned int word = (pdev->bus->number + pdev->devfn) % fabric->vector_count;

	return word * MOCK_FABRIC_WORD_BITS;
}

static int mock_fabric_take_number(struct mock_fabric *fabric, struct pci_dev *pdev)
{
	unsigned long number;

	mutex_lock(&fabric->numbers_lock);
	number = find_next_zero_bit(fabric->numbers, MOCK_FABRIC_INTERRUPTS,
				    mock_fabric_home(fabric, pdev));
	if (number >= MOCK_FABRIC_INTERRUPTS)
		number = find_first_zero_bit(fabric->numbers, MOCK_FABRIC_INTERRUPTS);
	if (number >= MOCK_FABRIC_INTERRUPTS) {
		mutex_unlock(&fabric->numbers_lock);
		dev_err_ratelimited(&pdev->dev, "all %u interrupts of the segment are taken\n",
				    MOCK_FABRIC_INTERRUPTS);
		return -ENOSPC;
	}
	/*
	 * Handlers leave out a word that nobody uses. A bit that its last user left there would
	 * keep the bridge from raising an interrupt for the next.
	 */
	if (!mock_fabric_word_used(fabric, number / MOCK_FABRIC_WORD_BITS))
		mock_fabric_read_pending(fabric, number / MOCK_FABRIC_WORD_BITS);
	set_bit(number, fabric->numbers);
	mutex_unlock(&fabric->numbers_lock);
	return number;
}

static void mock_fabric_give_number(struct mock_fabric *fabric, unsigned long number)
{
	mutex_lock(&fabric->numbers_lock);
	if (!test_and_clear_bit(number, fabric->numbers))
		dev_warn(&fabric->pdev->dev, "interrupt %lu is given back, but was not taken\n",
			 number);
	mutex_unlock(&fabric->numbers_lock);
}

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

/* One at a time: the MSI domain does not offer MSI with several vectors, which go together. */
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

static const struct irq_domain_ops mock_fabric_number_ops = {
	.alloc = mock_fabric_domain_alloc,
	.free = mock_fabric_domain_free,
};

/* Reading PENDING has done it. */
static void mock_fabric_ack(struct irq_data *data)
{
}

/* An interrupt comes where its bridge's vector comes. That one can be moved. */
static int mock_fabric_set_affinity(struct irq_data *data, const struct cpumask *mask, bool force)
{
	return -EINVAL;
}

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

static int mock_fabric_add_domains(struct mock_fabric *fabric)
{
	fabric->fwnode = irq_domain_alloc_named_fwnode(dev_name(&fabric->pdev->dev));
	if (!fabric->fwnode)
		return -ENOMEM;
	fabric->number_domain = irq_domain_create_linear(fabric->fwnode, MOCK_FABRIC_INTERRUPTS,
							 &mock_fabric_number_ops, fabric);
	if (!fabric->number_domain)
		goto free_fwnode;
	/* Two domains of one name are told apart by what they are for. */
	irq_domain_update_bus_token(fabric->number_domain, DOMAIN_BUS_NEXUS);
	fabric->msi_domain = pci_msi_create_irq_domain(fabric->fwnode, &mock_fabric_msi_info,
						       fabric->number_domain);
	if (!fabric->msi_domain)
		goto remove_number_domain;
	/*
	 * Linux 6.1 with interrupt remapping puts functions into a domain of its own, unless theirs
	 * is marked as that of a bridge with a segment. Nothing else looks at which bridge it is.
	 */
	irq_domain_update_bus_token(fabric->msi_domain, DOMAIN_BUS_VMD_MSI);
	return 0;

remove_number_domain:
	irq_domain_remove(fabric->number_domain);
free_fwnode:
	irq_domain_free_fwnode(fabric->fwnode);
	return -ENOMEM;
}

static void mock_fabric_remove_domains(struct mock_fabric *fabric)
{
	irq_domain_remove(fabric->msi_domain);
	irq_domain_remove(fabric->number_domain);
	irq_domain_free_fwnode(fabric->fwnode);
}

static void mock_fabric_free_vectors(struct mock_fabric *fabric, int requested)
{
	while (requested--)
		free_irq(pci_irq_vector(fabric->pdev, requested), &fabric->vectors[requested]);
	pci_free_irq_vectors(fabric->pdev);
}

/* As many as there are, also with fewer processors: each then has fewer words to read. */
static int mock_fabric_request_vectors(struct mock_fabric *fabric)
{
	struct pci_dev *pdev = fabric->pdev;
	int i, err;

	fabric->vector_count = pci_alloc_irq_vectors(pdev, 1, MOCK_FABRIC_VECTORS, PCI_IRQ_MSIX);
	if (fabric->vector_count < 0)
		return fabric->vector_count;
	for (i = 0; i < fabric->vector_count; i++) {
		fabric->vectors[i] = (struct mock_fabric_vector){ .fabric = fabric, .index = i };
		/* Handlers of functions expect to be called from an interrupt. */
		err = request_irq(pci_irq_vector(pdev, i), mock_fabric_interrupt, IRQF_NO_THREAD,
				  MOCK_FABRIC_DRIVER_NAME, &fabric->vectors[i]);
		if (err) {
			mock_fabric_free_vectors(fabric, i);
			return err;
		}
	}
	return 0;
}

/* The bridge raises nothing yet: VECTORS is 0. */
int mock_fabric_interrupts_init(struct mock_fabric *fabric)
{
	int err;

	mutex_init(&fabric->numbers_lock);
	err = mock_fabric_add_domains(fabric);
	if (err)
		return err;
	err = mock_fabric_request_vectors(fabric);
	if (err)
		mock_fabric_remove_domains(fabric);
	return err;
}

/* No function of the segment has an interrupt any more. */
void mock_fabric_interrupts_exit(struct mock_fabric *fabric)
{
	iowrite32(0, fabric->registers + MOCK_FABRIC_REG_VECTORS);
	mock_fabric_free_vectors(fabric, fabric->vector_count);
	mock_fabric_remove_domains(fabric);
	mutex_destroy(&fabric->numbers_lock);
}

#ifdef CONFIG_KUNIT
#include "interrupts_test.c"
#endif
