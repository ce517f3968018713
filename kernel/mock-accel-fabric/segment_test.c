// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: KUnit tests of how a segment is laid out. Included by segment.c.
 */
#include <kunit/test.h>

#define MOCK_TEST_BUSES		3

/* A bridge that nobody asks. */
static struct mock_fabric *mock_test_fabric(struct kunit *test)
{
	struct mock_fabric *fabric = kunit_kzalloc(test, sizeof(*fabric), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, fabric);
	fabric->pdev = kunit_kzalloc(test, sizeof(*fabric->pdev), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fabric->pdev);
	fabric->pdev->error_state = pci_channel_io_normal;
	fabric->buses = MOCK_TEST_BUSES;
	fabric->config = (void __iomem *)kunit_kzalloc(test, PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, (void __force *)fabric->config);
	return fabric;
}

/* Where configuration space of a function is, from the start; -1: nowhere. */
static long mock_test_offset(struct kunit *test, struct mock_fabric *fabric, u8 bus_number,
			     unsigned int devfn, int where)
{
	struct pci_bus *bus = kunit_kzalloc(test, sizeof(*bus), GFP_KERNEL);
	void __iomem *place;

	KUNIT_ASSERT_NOT_NULL(test, bus);
	bus->number = bus_number;
	bus->sysdata = &fabric->sysdata;
	place = mock_fabric_map_bus(bus, devfn, where);
	return place ? place - fabric->config : -1;
}

static void mock_test_ecam(struct kunit *test)
{
	struct mock_fabric *fabric = mock_test_fabric(test);

	KUNIT_EXPECT_EQ(test, mock_test_offset(test, fabric, 0, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, mock_test_offset(test, fabric, 0, PCI_DEVFN(0, 0), 0xfff), 0xfff);
	KUNIT_EXPECT_EQ(test, mock_test_offset(test, fabric, 0, PCI_DEVFN(0, 1), 0), 0x1000);
	KUNIT_EXPECT_EQ(test, mock_test_offset(test, fabric, 2, PCI_DEVFN(31, 7), 0x144),
			0x2ff144);
}

static void mock_test_no_such_bus(struct kunit *test)
{
	struct mock_fabric *fabric = mock_test_fabric(test);

	KUNIT_EXPECT_EQ(test, mock_test_offset(test, fabric, MOCK_TEST_BUSES, 0, 0), -1);
	KUNIT_EXPECT_EQ(test, mock_test_offset(test, fabric, U8_MAX, 0, 0), -1);
}

static void mock_test_bridge_is_not_asked(struct kunit *test)
{
	struct mock_fabric *fabric = mock_test_fabric(test);

	fabric->offline = 1;
	KUNIT_EXPECT_EQ(test, mock_test_offset(test, fabric, 0, 0, 0), -1);
	fabric->offline = 0;
	fabric->pdev->error_state = pci_channel_io_perm_failure;
	KUNIT_EXPECT_EQ(test, mock_test_offset(test, fabric, 0, 0, 0), -1);
}

static void mock_test_window_and_buses(struct kunit *test)
{
	struct mock_fabric *fabric = mock_test_fabric(test);
	struct resource *bar = &fabric->pdev->resource[MOCK_FABRIC_BAR_WINDOW];
	struct pci_host_bridge *host = kunit_kzalloc(test, sizeof(*host), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, host);
	INIT_LIST_HEAD(&host->windows);
	KUNIT_EXPECT_EQ(test, mock_fabric_add_resources(fabric, host), -ENODEV);

	*bar = (struct resource){ .start = 0x800000000, .end = 0x8ffffffff,
				  .flags = IORESOURCE_MEM | IORESOURCE_PREFETCH };
	KUNIT_ASSERT_EQ(test, mock_fabric_add_resources(fabric, host), 0);
	KUNIT_EXPECT_PTR_EQ(test, resource_list_first_type(&host->windows, IORESOURCE_BUS)->res,
			    &fabric->bus_numbers);
	KUNIT_EXPECT_PTR_EQ(test, resource_list_first_type(&host->windows, IORESOURCE_MEM)->res,
			    &fabric->window);
	KUNIT_EXPECT_EQ(test, fabric->window.start, bar->start);
	KUNIT_EXPECT_EQ(test, fabric->window.end, bar->end);
	KUNIT_EXPECT_EQ(test, fabric->window.flags, IORESOURCE_MEM);
	KUNIT_EXPECT_EQ(test, fabric->bus_numbers.start, 0);
	KUNIT_EXPECT_EQ(test, fabric->bus_numbers.end, MOCK_TEST_BUSES - 1);
	release_resource(&fabric->window);
	pci_free_resource_list(&host->windows);
}

static void mock_test_segment_numbers(struct kunit *test)
{
	struct mock_fabric *fabric = mock_test_fabric(test);
	struct pci_bus *root = NULL;
	int number;

	KUNIT_EXPECT_EQ(test, mock_fabric_choose_segment(fabric, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, mock_fabric_choose_segment(fabric, -1), -ENODEV);
	KUNIT_EXPECT_EQ(test, mock_fabric_choose_segment(fabric, 0x10000), -ENODEV);
	KUNIT_EXPECT_EQ(test, mock_fabric_choose_segment(fabric, 0xfffe), 0xfffe);
	while ((root = pci_find_next_bus(root))) {
		number = pci_domain_nr(root);
		if (number)
			KUNIT_EXPECT_GT(test, mock_fabric_choose_segment(fabric, number), number);
	}
}

static struct kunit_case mock_segment_cases[] = {
	KUNIT_CASE(mock_test_ecam),
	KUNIT_CASE(mock_test_no_such_bus),
	KUNIT_CASE(mock_test_bridge_is_not_asked),
	KUNIT_CASE(mock_test_window_and_buses),
	KUNIT_CASE(mock_test_segment_numbers),
	{ }
};

static struct kunit_suite mock_segment_suite = {
	.name = "mock-accel-fabric-segment",
	.test_cases = mock_segment_cases,
};

kunit_test_suite(mock_segment_suite);
