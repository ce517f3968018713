// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: KUnit tests of what may be asked of the passphrase generator. Included by
 * passphrase.c.
 */
#include <kunit/test.h>

/* Of a device that is gone: what may be asked gives that, what may not never gets so far. */
static int mock_test_ask(struct kunit *test, u32 words, u32 reserved)
{
	struct mock_device *mdev = kunit_kzalloc(test, sizeof(*mdev), GFP_KERNEL);
	struct mock_accel_passphrase passphrase = { .words = words, .reserved = reserved };

	KUNIT_ASSERT_NOT_NULL(test, mdev);
	mutex_init(&mdev->lock);
	mdev->state = MOCK_REMOVED;
	return mock_passphrase(mdev, &passphrase);
}

static void mock_test_numbers_of_words(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_test_ask(test, MOCK_ACCEL_PASSPHRASE_MIN_WORDS, 0), -ENODEV);
	KUNIT_EXPECT_EQ(test, mock_test_ask(test, MOCK_ACCEL_PASSPHRASE_MAX_WORDS, 0), -ENODEV);
}

static void mock_test_no_numbers_of_words(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_test_ask(test, 0, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, mock_test_ask(test, MOCK_ACCEL_PASSPHRASE_MIN_WORDS - 1, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, mock_test_ask(test, MOCK_ACCEL_PASSPHRASE_MAX_WORDS + 1, 0),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, mock_test_ask(test, U32_MAX, 0), -EINVAL);
	KUNIT_EXPECT_EQ(test, mock_test_ask(test, MOCK_ACCEL_PASSPHRASE_MIN_WORDS, 1), -EINVAL);
}

static struct kunit_case mock_passphrase_cases[] = {
	KUNIT_CASE(mock_test_numbers_of_words),
	KUNIT_CASE(mock_test_no_numbers_of_words),
	{ }
};

static struct kunit_suite mock_passphrase_suite = {
	.name = "mock-accel-passphrase",
	.test_cases = mock_passphrase_cases,
};

kunit_test_suite(mock_passphrase_suite);
