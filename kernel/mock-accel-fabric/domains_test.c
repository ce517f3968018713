// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: KUnit tests of what functions are told to write. Included by domains.c.
 */
#include <kunit/test.h>

static void mock_test_messages(struct kunit *test)
{
	struct irq_data data = { .hwirq = 1234 };
	struct msi_msg message;

	mock_fabric_compose_message(&data, &message);
	KUNIT_EXPECT_EQ(test, message.address_hi, 0);
	KUNIT_EXPECT_EQ(test, message.address_lo, MOCK_FABRIC_MSI_ADDRESS);
	KUNIT_EXPECT_EQ(test, message.data, 1234);
}

static struct kunit_case mock_domains_cases[] = {
	KUNIT_CASE(mock_test_messages),
	{ }
};

static struct kunit_suite mock_domains_suite = {
	.name = "mock-accel-fabric-domains",
	.test_cases = mock_domains_cases,
};

kunit_test_suite(mock_domains_suite);
