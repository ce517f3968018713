// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: numbers that belong to a place, which is a PCI address, as long as the module is
 * loaded. A card that comes back to its slot has those that it had, and no other card ever gets
 * them: a container may still have a node of the card that was there.
 */
#include <linux/idr.h>
#include <linux/xarray.h>

#include "mock_accel_drv.h"

/**
 * struct mock_numbers - numbers of one kind
 * @given: to any place
 * @of_place: by PCI address
 */
struct mock_numbers {
	struct ida given;
	struct xarray of_place;
};

static struct mock_numbers mock_names = {
	.given = IDA_INIT(mock_names.given),
	.of_place = XARRAY_INIT(mock_names.of_place, 0),
};

static struct mock_numbers mock_minors = {
	.given = IDA_INIT(mock_minors.given),
	.of_place = XARRAY_INIT(mock_minors.of_place, 0),
};

static unsigned long mock_place(struct pci_dev *pdev)
{
	return (unsigned long)pci_domain_nr(pdev->bus) << 16 | pci_dev_id(pdev);
}

/* How many of its kind stand before a function in the order of PCI addresses. */
static unsigned int mock_rank(struct pci_dev *pdev)
{
	struct pci_dev *other = NULL;
	unsigned int rank = 0;

	while ((other = pci_get_device(pdev->vendor, pdev->device, other)))
		rank += !other->is_virtfn && mock_place(other) < mock_place(pdev);
	return rank;
}

static int mock_give_number(struct mock_numbers *numbers, unsigned long place, unsigned int wanted,
			    unsigned int limit)
{
	int number, err;

	number = ida_alloc_range(&numbers->given, wanted, wanted, GFP_KERNEL);
	if (number == -ENOSPC)
		number = ida_alloc_max(&numbers->given, limit - 1, GFP_KERNEL);
	if (number < 0)
		return number;
	err = xa_err(xa_store(&numbers->of_place, place, xa_mk_value(number), GFP_KERNEL));
	if (err) {
		ida_free(&numbers->given, number);
		return err;
	}
	return number;
}

/* The one that the place has, or from now on: @wanted, or else the lowest that is free. */
static int mock_number_of(struct mock_numbers *numbers, unsigned long place, unsigned int wanted,
			  unsigned int limit)
{
	void *number = xa_load(&numbers->of_place, place);

	return number ? xa_to_value(number) : mock_give_number(numbers, place, wanted, limit);
}

/*
 * N of mockN. Names do not depend on the order in which functions are found and bound, nor on the
 * health of their neighbours.
 */
int mock_name_number(struct pci_dev *pdev)
{
	return mock_number_of(&mock_names, mock_place(pdev), mock_rank(pdev), INT_MAX);
}

int mock_minor_number(struct pci_dev *pdev)
{
	return mock_number_of(&mock_minors, mock_place(pdev), 0, MOCK_MINORS);
}

static void mock_forget_numbers(struct mock_numbers *numbers)
{
	xa_destroy(&numbers->of_place);
	ida_destroy(&numbers->given);
}

void mock_numbers_exit(void)
{
	mock_forget_numbers(&mock_names);
	mock_forget_numbers(&mock_minors);
}

#ifdef CONFIG_KUNIT
#include "numbers_test.c"
#endif
