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

/* Gives a number that no function has, or -ENOSPC. */
int mock_fabric_take_number(struct mock_fabric *fabric, struct pci_dev *pdev)
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

void mock_fabric_give_number(struct mock_fabric *fabric, unsigned long number)
{
	mutex_lock(&fabric->numbers_lock);
	if (!test_and_clear_bit(number, fabric->numbers))
		dev_warn(&fabric->pdev->dev, "interrupt %lu is given back, but was not taken\n",
			 number);
	mutex_unlock(&fabric->numbers_lock);
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
	err = mock_fabric_domains_init(fabric);
	if (err)
		return err;
	err = mock_fabric_request_vectors(fabric);
	if (err)
		mock_fabric_domains_exit(fabric);
	return err;
}

/* No function of the segment has an interrupt any more. */
void mock_fabric_interrupts_exit(struct mock_fabric *fabric)
{
	iowrite32(0, fabric->registers + MOCK_FABRIC_REG_VECTORS);
	mock_fabric_free_vectors(fabric, fabric->vector_count);
	mock_fabric_domains_exit(fabric);
	mutex_destroy(&fabric->numbers_lock);
}

#ifdef CONFIG_KUNIT
#include "interrupts_test.c"
#endif
