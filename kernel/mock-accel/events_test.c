// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: KUnit test of the words for a device's health. Included by events.c.
 */
#include <kunit/test.h>

static void mock_test_health_names(struct kunit *test)
{
	KUNIT_EXPECT_STREQ(test, mock_health_name(MOCK_ACCEL_HEALTH_HEALTHY), "healthy");
	KUNIT_EXPECT_STREQ(test, mock_health_name(MOCK_ACCEL_HEALTH_DEGRADED), "degraded");
	KUNIT_EXPECT_STREQ(test, mock_health_name(MOCK_ACCEL_HEALTH_FAILED), "failed");
	KUNIT_EXPECT_STREQ(test, mock_health_name(MOCK_ACCEL_HEALTH_FAILED + 1), "unknown");
	KUNIT_EXPECT_STREQ(test, mock_health_name(U32_MAX), "unknown");
}

static struct kunit_case mock_events_cases[] = {
	KUNIT_CASE(mock_test_health_names),
	{ }
};

static struct kunit_suite mock_events_suite = {
	.name = "mock-accel-events",
	.test_cases = mock_events_cases,
};

kunit_test_suite(mock_events_suite);
