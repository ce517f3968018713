// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: KUnit tests of what tells a device from another. Included by registers.c.
 */
#include <kunit/test.h>

static int mock_test_identity(struct kunit *test, u32 magic, u32 abi)
{
	struct device *dev = kunit_kzalloc(test, sizeof(*dev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, dev);
	return mock_identity_check(dev, &mock_accelerator, magic, abi);
}

static void mock_test_own_device(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_test_identity(test, MOCK_ACCEL_MAGIC, MOCK_ACCEL_ABI_VERSION),
			0);
}

static void mock_test_other_devices(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_test_identity(test, U32_MAX, U32_MAX), -ENODEV);
	KUNIT_EXPECT_EQ(test, mock_test_identity(test, 0, MOCK_ACCEL_ABI_VERSION), -ENODEV);
	KUNIT_EXPECT_EQ(test, mock_test_identity(test, swab32(MOCK_ACCEL_MAGIC),
						 MOCK_ACCEL_ABI_VERSION), -ENODEV);
}

static void mock_test_other_abi(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_test_identity(test, MOCK_ACCEL_MAGIC, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, mock_test_identity(test, MOCK_ACCEL_MAGIC,
						 MOCK_ACCEL_ABI_VERSION + 1), -ENODEV);
}

static struct kunit_case mock_registers_cases[] = {
	KUNIT_CASE(mock_test_own_device),
	KUNIT_CASE(mock_test_other_devices),
	KUNIT_CASE(mock_test_other_abi),
	{ }
};

static struct kunit_suite mock_registers_suite = {
	.name = "mock-accel-registers",
	.test_cases = mock_registers_cases,
};

kunit_test_suite(mock_registers_suite);
