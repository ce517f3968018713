// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: KUnit tests of what a program's request becomes. Included by work.c.
 */
#include <kunit/test.h>

#define MOCK_TEST_ADDRESS	0x5000000ULL

static struct mock_context *mock_test_context(struct kunit *test)
{
	struct mock_context *context = kunit_kzalloc(test, sizeof(*context), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, context);
	context->buffers[0] = (struct mock_buffer){ .size = PAGE_SIZE,
						    .address = MOCK_TEST_ADDRESS };
	context->buffer_count = 1;
	return context;
}

static void mock_test_requests_that_are_none(struct kunit *test)
{
	struct mock_context *context = mock_test_context(test);
	struct mock_accel_work operation = { .operation = MOCK_ACCEL_OP_CRC32C + 1 };
	struct mock_accel_work interrupt = { .flags = MOCK_ACCEL_DESCRIPTOR_INTERRUPT };
	struct mock_accel_work far = { .operation = U32_MAX };

	KUNIT_EXPECT_EQ(test, mock_work_prepare(context, &operation), -EINVAL);
	KUNIT_EXPECT_EQ(test, mock_work_prepare(context, &interrupt), -EINVAL);
	KUNIT_EXPECT_EQ(test, mock_work_prepare(context, &far), -EINVAL);
}

/* An operation that does not use an address does not hand it on. */
static void mock_test_unused_addresses(struct kunit *test)
{
	struct mock_context *context = mock_test_context(test);
	struct mock_accel_work nop = { .operation = MOCK_ACCEL_OP_NOP,
				       .source = U64_MAX, .destination = U64_MAX };
	struct mock_accel_work fill = { .operation = MOCK_ACCEL_OP_FILL, .length = PAGE_SIZE,
					.source = U64_MAX };
	struct mock_accel_work crc = { .operation = MOCK_ACCEL_OP_CRC32C, .length = PAGE_SIZE,
				       .destination = U64_MAX };

	KUNIT_EXPECT_EQ(test, mock_work_prepare(context, &nop), 0);
	KUNIT_EXPECT_EQ(test, nop.source | nop.destination, 0);
	KUNIT_EXPECT_EQ(test, mock_work_prepare(context, &fill), 0);
	KUNIT_EXPECT_EQ(test, fill.source, 0);
	KUNIT_EXPECT_EQ(test, fill.destination, MOCK_TEST_ADDRESS);
	KUNIT_EXPECT_EQ(test, mock_work_prepare(context, &crc), 0);
	KUNIT_EXPECT_EQ(test, crc.source, MOCK_TEST_ADDRESS);
	KUNIT_EXPECT_EQ(test, crc.destination, 0);
}

/* Only the device knows how much memory it has. */
static void mock_test_addresses_in_the_device(struct kunit *test)
{
	struct mock_context *context = mock_test_context(test);
	struct mock_accel_work copy = {
		.operation = MOCK_ACCEL_OP_COPY,
		.flags = MOCK_ACCEL_DESCRIPTOR_DESTINATION_DEVICE,
		.length = 16,
		.source = 32,
		.destination = U64_MAX,
	};

	KUNIT_EXPECT_EQ(test, mock_work_prepare(context, &copy), 0);
	KUNIT_EXPECT_EQ(test, copy.source, MOCK_TEST_ADDRESS + 32);
	KUNIT_EXPECT_EQ(test, copy.destination, U64_MAX);
}

static void mock_test_addresses_of_nobody(struct kunit *test)
{
	struct mock_context *context = mock_test_context(test);
	struct mock_accel_work source = { .operation = MOCK_ACCEL_OP_COPY, .length = 16,
					  .source = PAGE_SIZE - 15 };
	struct mock_accel_work destination = { .operation = MOCK_ACCEL_OP_COPY, .length = 16,
					       .destination = PAGE_SIZE - 15 };

	KUNIT_EXPECT_EQ(test, mock_work_prepare(context, &source), -EFAULT);
	KUNIT_EXPECT_EQ(test, mock_work_prepare(context, &destination), -EFAULT);
}

static struct kunit_case mock_work_cases[] = {
	KUNIT_CASE(mock_test_requests_that_are_none),
	KUNIT_CASE(mock_test_unused_addresses),
	KUNIT_CASE(mock_test_addresses_in_the_device),
	KUNIT_CASE(mock_test_addresses_of_nobody),
	{ }
};

static struct kunit_suite mock_work_suite = {
	.name = "mock-accel-work",
	.test_cases = mock_work_cases,
};

kunit_test_suite(mock_work_suite);
