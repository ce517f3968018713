// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: KUnit tests of which interrupt is whose. Included by interrupts.c.
 */
#include <kunit/test.h>

#define MOCK_TEST_VECTORS	4

/* A bridge whose registers are memory that reads 0. */
static struct mock_fabric *mock_test_bridge(struct kunit *test)
{
	struct mock_fabric *fabric = kunit_kzalloc(test, sizeof(*fabric), GFP_KERNEL);
	void *registers = kunit_kzalloc(test, MOCK_FABRIC_REGISTERS_SIZE, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fabric);
	KUNIT_ASSERT_NOT_NULL(test, registers);
	fabric->pdev = kunit_kzalloc(test, sizeof(*fabric->pdev), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fabric->pdev);
	fabric->registers = (void __iomem *)registers;
	fabric->vector_count = MOCK_TEST_VECTORS;
	mutex_init(&fabric->numbers_lock);
	return fabric;
}

static struct pci_dev *mock_test_function(struct kunit *test, u8 bus_number, unsigned int devfn)
{
	struct pci_dev *pdev = kunit_kzalloc(test, sizeof(*pdev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pdev);
	pdev->bus = kunit_kzalloc(test, sizeof(*pdev->bus), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pdev->bus);
	pdev->bus->number = bus_number;
	pdev->devfn = devfn;
	return pdev;
}

/* Of one function in one word, of neighbours in words of different vectors. */
static void mock_test_first_numbers(struct kunit *test)
{
	struct mock_fabric *fabric = mock_test_bridge(test);
	struct pci_dev *first = mock_test_function(test, 1, 0);
	struct pci_dev *second = mock_test_function(test, 1, 1);
	struct pci_dev *same = mock_test_function(test, 1, MOCK_TEST_VECTORS);

	KUNIT_EXPECT_EQ(test, mock_fabric_take_number(fabric, first), 64);
	KUNIT_EXPECT_EQ(test, mock_fabric_take_number(fabric, first), 65);
	KUNIT_EXPECT_EQ(test, mock_fabric_take_number(fabric, second), 128);
	KUNIT_EXPECT_EQ(test, mock_fabric_take_number(fabric, same), 66);
}

static void mock_test_numbers_come_back(struct kunit *test)
{
	struct mock_fabric *fabric = mock_test_bridge(test);
	struct pci_dev *pdev = mock_test_function(test, 1, 0);

	KUNIT_EXPECT_EQ(test, mock_fabric_take_number(fabric, pdev), 64);
	KUNIT_EXPECT_EQ(test, mock_fabric_take_number(fabric, pdev), 65);
	mock_fabric_give_number(fabric, 64);
	KUNIT_EXPECT_EQ(test, mock_fabric_take_number(fabric, pdev), 64);
}

static void mock_test_every_number_is_taken(struct kunit *test)
{
	struct mock_fabric *fabric = mock_test_bridge(test);
	struct pci_dev *pdev = mock_test_function(test, 1, 0);
	int i;

	for (i = 0; i < MOCK_FABRIC_INTERRUPTS; i++)
		KUNIT_ASSERT_GE(test, mock_fabric_take_number(fabric, pdev), 0);
	KUNIT_EXPECT_TRUE(test, bitmap_full(fabric->numbers, MOCK_FABRIC_INTERRUPTS));
	KUNIT_EXPECT_EQ(test, mock_fabric_take_number(fabric, pdev), -ENOSPC);
	mock_fabric_give_number(fabric, 5);
	KUNIT_EXPECT_EQ(test, mock_fabric_take_number(fabric, pdev), 5);
}

static void mock_test_words_in_use(struct kunit *test)
{
	struct mock_fabric *fabric = mock_test_bridge(test);

	set_bit(127, fabric->numbers);
	KUNIT_EXPECT_FALSE(test, mock_fabric_word_used(fabric, 0));
	KUNIT_EXPECT_TRUE(test, mock_fabric_word_used(fabric, 1));
	KUNIT_EXPECT_FALSE(test, mock_fabric_word_used(fabric, 2));
	set_bit(MOCK_FABRIC_INTERRUPTS - 1, fabric->numbers);
	KUNIT_EXPECT_TRUE(test, mock_fabric_word_used(fabric, MOCK_FABRIC_WORDS - 1));
}

static struct kunit_case mock_interrupts_cases[] = {
	KUNIT_CASE(mock_test_first_numbers),
	KUNIT_CASE(mock_test_numbers_come_back),
	KUNIT_CASE(mock_test_every_number_is_taken),
	KUNIT_CASE(mock_test_words_in_use),
	{ }
};

static struct kunit_suite mock_interrupts_suite = {
	.name = "mock-accel-fabric-interrupts",
	.test_cases = mock_interrupts_cases,
};

kunit_test_suite(mock_interrupts_suite);
