// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: KUnit tests of whom numbers are given to. Included by numbers.c.
 */
#include <kunit/test.h>

#define MOCK_TEST_LIMIT	4

static struct mock_numbers mock_test_numbers = {
	.given = IDA_INIT(mock_test_numbers.given),
	.of_place = XARRAY_INIT(mock_test_numbers.of_place, 0),
};

static int mock_test_number_of(unsigned long place, unsigned int wanted)
{
	return mock_number_of(&mock_test_numbers, place, wanted, MOCK_TEST_LIMIT);
}

static void mock_test_wanted_number(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_test_number_of(0x10800, 2), 2);
	KUNIT_EXPECT_EQ(test, mock_test_number_of(0x10000, 0), 0);
}

/* Whether or not there is a card now. */
static void mock_test_number_is_the_places_own(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_test_number_of(0x10000, 1), 1);
	KUNIT_EXPECT_EQ(test, mock_test_number_of(0x10800, 1), 0);
	KUNIT_EXPECT_EQ(test, mock_test_number_of(0x11000, 1), 2);
	KUNIT_EXPECT_EQ(test, mock_test_number_of(0x10000, 0), 1);
	KUNIT_EXPECT_EQ(test, mock_test_number_of(0x10800, 3), 0);
}

static void mock_test_numbers_end(struct kunit *test)
{
	unsigned long place;

	for (place = 0; place < MOCK_TEST_LIMIT; place++)
		KUNIT_EXPECT_EQ(test, mock_test_number_of(place, 0), place);
	KUNIT_EXPECT_EQ(test, mock_test_number_of(place, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, mock_test_number_of(1, 0), 1);
}

static void mock_numbers_test_exit(struct kunit *test)
{
	mock_forget_numbers(&mock_test_numbers);
}

static struct kunit_case mock_numbers_cases[] = {
	KUNIT_CASE(mock_test_wanted_number),
	KUNIT_CASE(mock_test_number_is_the_places_own),
	KUNIT_CASE(mock_test_numbers_end),
	{ }
};

static struct kunit_suite mock_numbers_suite = {
	.name = "mock-accel-numbers",
	.exit = mock_numbers_test_exit,
	.test_cases = mock_numbers_cases,
};

kunit_test_suite(mock_numbers_suite);
