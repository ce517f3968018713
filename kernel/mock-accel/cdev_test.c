// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: KUnit tests of which ioctls there are. Included by cdev.c.
 */
#include <kunit/test.h>

static void mock_test_commands_fit(struct kunit *test)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(mock_commands); i++) {
		KUNIT_EXPECT_TRUE(test, mock_is_command(mock_commands[i]));
		KUNIT_EXPECT_LE(test, (size_t)_IOC_SIZE(mock_commands[i]),
				sizeof(union mock_argument));
	}
}

/* Of the right number, but another size, direction or device. */
static void mock_test_other_commands(struct kunit *test)
{
	const unsigned int others[] = {
		0,
		U32_MAX,
		_IO(MOCK_ACCEL_IOC_MAGIC, 0),
		_IOW(MOCK_ACCEL_IOC_MAGIC, 0, struct mock_accel_info),
		_IOR(MOCK_ACCEL_IOC_MAGIC, 0, struct mock_accel_buffer),
		_IOR(MOCK_ACCEL_IOC_MAGIC + 1, 0, struct mock_accel_info),
		_IOR(MOCK_ACCEL_IOC_MAGIC, ARRAY_SIZE(mock_commands), struct mock_accel_info),
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(others); i++)
		KUNIT_EXPECT_FALSE_MSG(test, mock_is_command(others[i]), "0x%x", others[i]);
}

static struct kunit_case mock_cdev_cases[] = {
	KUNIT_CASE(mock_test_commands_fit),
	KUNIT_CASE(mock_test_other_commands),
	{ }
};

static struct kunit_suite mock_cdev_suite = {
	.name = "mock-accel-cdev",
	.test_cases = mock_cdev_cases,
};

kunit_test_suite(mock_cdev_suite);
