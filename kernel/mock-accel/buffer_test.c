// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: KUnit tests of addresses in buffers. Included by buffer.c.
 */
#include <kunit/test.h>

/* Where the device has the second of two buffers of two pages. */
#define MOCK_TEST_SECOND	0x7000000000ULL

static struct mock_context *mock_test_buffers(struct kunit *test)
{
	struct mock_context *context = kunit_kzalloc(test, sizeof(*context), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, context);
	context->buffers[0] = (struct mock_buffer){ .size = 2 * PAGE_SIZE, .address = 0x10000 };
	context->buffers[1] = (struct mock_buffer){ .size = 2 * PAGE_SIZE,
						    .address = MOCK_TEST_SECOND };
	context->buffer_count = 2;
	return context;
}

static void mock_test_address_of_the_device(struct kunit *test)
{
	struct mock_context *context = mock_test_buffers(test);
	__u64 address = MOCK_ACCEL_MAX_BUFFER + 8;

	KUNIT_EXPECT_EQ(test, mock_buffer_translate(context, &address, PAGE_SIZE), 0);
	KUNIT_EXPECT_EQ(test, address, MOCK_TEST_SECOND + 8);
}

static void mock_test_whole_buffer(struct kunit *test)
{
	struct mock_context *context = mock_test_buffers(test);

	KUNIT_EXPECT_PTR_EQ(test, mock_buffer_find(context, 0, 2 * PAGE_SIZE),
			    &context->buffers[0]);
	KUNIT_EXPECT_PTR_EQ(test, mock_buffer_find(context, 2 * PAGE_SIZE, 0),
			    &context->buffers[0]);
	KUNIT_EXPECT_NULL(test, mock_buffer_find(context, 0, 2 * PAGE_SIZE + 1));
	KUNIT_EXPECT_NULL(test, mock_buffer_find(context, 2 * PAGE_SIZE, 1));
}

static void mock_test_outside_of_buffers(struct kunit *test)
{
	struct mock_context *context = mock_test_buffers(test);

	KUNIT_EXPECT_NULL(test, mock_buffer_find(context, 2 * PAGE_SIZE + 1, 0));
	KUNIT_EXPECT_NULL(test, mock_buffer_find(context, 2ULL * MOCK_ACCEL_MAX_BUFFER, 1));
	KUNIT_EXPECT_NULL(test, mock_buffer_find(context, 16, U64_MAX));
	KUNIT_EXPECT_NULL(test, mock_buffer_find(context, 16, U64_MAX - 15));
	KUNIT_EXPECT_NULL(test, mock_buffer_find(context, U64_MAX, 1));
}

static void mock_test_bad_address_stays(struct kunit *test)
{
	struct mock_context *context = mock_test_buffers(test);
	__u64 address = 2ULL * MOCK_ACCEL_MAX_BUFFER;

	KUNIT_EXPECT_EQ(test, mock_buffer_translate(context, &address, 1), -EFAULT);
	KUNIT_EXPECT_EQ(test, address, 2ULL * MOCK_ACCEL_MAX_BUFFER);
}

static struct kunit_case mock_buffer_cases[] = {
	KUNIT_CASE(mock_test_address_of_the_device),
	KUNIT_CASE(mock_test_whole_buffer),
	KUNIT_CASE(mock_test_outside_of_buffers),
	KUNIT_CASE(mock_test_bad_address_stays),
	{ }
};

static struct kunit_suite mock_buffer_suite = {
	.name = "mock-accel-buffer",
	.test_cases = mock_buffer_cases,
};

kunit_test_suite(mock_buffer_suite);
