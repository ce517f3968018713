// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: KUnit tests of what users write into attributes. Included by attributes.c.
 */
#include <kunit/test.h>

static const char mock_test_owner[] = "11111111-2222-4333-8444-55555555aBcD";

static int mock_test_parse(const char *text, uuid_t *owner)
{
	return mock_parse_owner(text, strlen(text), owner);
}

static void mock_test_owner_has_hyphens(struct kunit *test)
{
	uuid_t owner, wanted;

	KUNIT_ASSERT_EQ(test, uuid_parse(mock_test_owner, &wanted), 0);
	KUNIT_EXPECT_EQ(test, mock_test_parse(mock_test_owner, &owner), 0);
	KUNIT_EXPECT_TRUE(test, uuid_equal(&owner, &wanted));
}

static void mock_test_owner_is_digits_alone(struct kunit *test)
{
	uuid_t owner, wanted;

	KUNIT_ASSERT_EQ(test, uuid_parse(mock_test_owner, &wanted), 0);
	KUNIT_EXPECT_EQ(test, mock_test_parse("1111111122224333844455555555aBcD", &owner), 0);
	KUNIT_EXPECT_TRUE(test, uuid_equal(&owner, &wanted));
}

/* Neither more nor less, and nobody. */
static void mock_test_no_owner(struct kunit *test)
{
	static const char * const texts[] = {
		"",
		"x",
		"11111111-2222-4333-8444-55555555abc",
		"11111111-2222-4333-8444-55555555abcd0",
		"11111111-2222-4333-8444+55555555abcd",
		"g1111111-2222-4333-8444-55555555abcd",
		"11111111-2222-4333-8444-55555555 bcd",
		"11111111-22224333-8444-55555555aabcd",
		"1111111122224333844455555555abcg",
		"1111111122224333-844455555555abc",
		"00000000-0000-0000-0000-000000000000",
		"00000000000000000000000000000000",
	};
	uuid_t owner;
	int i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		KUNIT_EXPECT_EQ_MSG(test, mock_test_parse(texts[i], &owner), -EINVAL, "\"%s\"",
				    texts[i]);
}

/* What a program writes may hold anything, and has no NUL at its end. */
static void mock_test_owner_is_bytes(struct kunit *test)
{
	char *text = kunit_kmalloc(test, UUID_STRING_LEN, GFP_KERNEL);
	uuid_t owner;

	KUNIT_ASSERT_NOT_NULL(test, text);
	memcpy(text, mock_test_owner, UUID_STRING_LEN);
	KUNIT_EXPECT_EQ(test, mock_parse_owner(text, UUID_STRING_LEN, &owner), 0);
	text[20] = '\0';
	KUNIT_EXPECT_EQ(test, mock_parse_owner(text, UUID_STRING_LEN, &owner), -EINVAL);
	KUNIT_EXPECT_EQ(test, mock_parse_owner(text, 2 * UUID_SIZE, &owner), -EINVAL);
}

static struct kunit_case mock_attributes_cases[] = {
	KUNIT_CASE(mock_test_owner_has_hyphens),
	KUNIT_CASE(mock_test_owner_is_digits_alone),
	KUNIT_CASE(mock_test_no_owner),
	KUNIT_CASE(mock_test_owner_is_bytes),
	{ }
};

static struct kunit_suite mock_attributes_suite = {
	.name = "mock-accel-attributes",
	.test_cases = mock_attributes_cases,
};

kunit_test_suite(mock_attributes_suite);
