// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: KUnit tests of the ring's arithmetic. Included by engine.c.
 */
#include <kunit/test.h>

#define MOCK_TEST_RING_ADDRESS	0x123400000ULL

static struct mock_engine *mock_test_engine(struct kunit *test, u32 head, u32 in_flight)
{
	struct mock_engine *engine = kunit_kzalloc(test, sizeof(*engine), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, engine);
	engine->ring = kunit_kzalloc(test, sizeof(*engine->ring), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, engine->ring);
	engine->address = MOCK_TEST_RING_ADDRESS;
	engine->head = head;
	engine->tail = head + in_flight;
	return engine;
}

/* Indices only grow: after the last number comes 0. */
static void mock_test_in_flight(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, mock_in_flight(mock_test_engine(test, 7, 0)), 0);
	KUNIT_EXPECT_EQ(test, mock_in_flight(mock_test_engine(test, 7, 3)), 3);
	KUNIT_EXPECT_EQ(test, mock_in_flight(mock_test_engine(test, U32_MAX - 1, 3)), 3);
}

static void mock_test_heads_that_can_be(struct kunit *test)
{
	struct mock_engine *engine = mock_test_engine(test, U32_MAX - 1, 3);

	KUNIT_EXPECT_TRUE(test, mock_is_head(engine, U32_MAX - 1));
	KUNIT_EXPECT_TRUE(test, mock_is_head(engine, U32_MAX));
	KUNIT_EXPECT_TRUE(test, mock_is_head(engine, 0));
	KUNIT_EXPECT_TRUE(test, mock_is_head(engine, 1));
}

static void mock_test_heads_that_can_not_be(struct kunit *test)
{
	struct mock_engine *engine = mock_test_engine(test, U32_MAX - 1, 3);

	KUNIT_EXPECT_FALSE(test, mock_is_head(engine, 2));
	KUNIT_EXPECT_FALSE(test, mock_is_head(engine, U32_MAX - 2));
	KUNIT_EXPECT_FALSE(test, mock_is_head(engine, 0x80000000));
	KUNIT_EXPECT_FALSE(test, mock_is_head(mock_test_engine(test, 5, 0), 6));
}

/* What a device of the ring is told, and nothing of what was in the slot before. */
static void mock_test_descriptor(struct kunit *test)
{
	struct mock_engine *engine = mock_test_engine(test, 2 * MOCK_RING_SIZE - 3, 2);
	const u32 slot = MOCK_RING_SIZE - 1;
	const struct mock_accel_work request = {
		.operation = MOCK_ACCEL_OP_COPY,
		.flags = MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE,
		.length = 0x1122334455,
		.source = 0x66,
		.destination = 0x7788990000,
	};
	const struct mock_accel_descriptor *descriptor = &engine->ring->descriptors[slot];

	memset(engine->ring, 0xff, sizeof(*engine->ring));
	mock_describe(engine, &request);
	KUNIT_EXPECT_EQ(test, descriptor->operation, MOCK_ACCEL_OP_COPY);
	KUNIT_EXPECT_EQ(test, descriptor->flags, MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE |
						 MOCK_ACCEL_DESCRIPTOR_INTERRUPT);
	KUNIT_EXPECT_EQ(test, descriptor->reserved0, 0);
	KUNIT_EXPECT_EQ(test, mock_from_wire32(descriptor->tag), 2 * MOCK_RING_SIZE - 1);
	KUNIT_EXPECT_EQ(test, mock_from_wire64(descriptor->source), 0x66);
	KUNIT_EXPECT_EQ(test, mock_from_wire64(descriptor->destination), 0x7788990000);
	KUNIT_EXPECT_EQ(test, mock_from_wire64(descriptor->length), 0x1122334455);
	KUNIT_EXPECT_EQ(test, mock_from_wire64(descriptor->operand), 0);
	KUNIT_EXPECT_EQ(test, mock_from_wire64(descriptor->completion),
			MOCK_TEST_RING_ADDRESS + offsetof(struct mock_ring, completions[slot]));
	KUNIT_EXPECT_EQ(test, engine->ring->completions[slot].status, 0);
	KUNIT_EXPECT_EQ(test, engine->ring->completions[0].status, U32_MAX);
}

static void mock_test_completion(struct kunit *test)
{
	struct mock_engine *engine = mock_test_engine(test, MOCK_RING_SIZE + 4, 1);
	struct mock_outcome outcome;

	engine->ring->completions[4] = (struct mock_accel_completion){
		.status = mock_wire32(MOCK_ACCEL_DONE_ABORTED),
		.bytes = mock_wire64(0x123456789),
		.result = mock_wire64(0xe3069283),
	};
	mock_read_completion(engine, &outcome);
	KUNIT_EXPECT_EQ(test, outcome.status, MOCK_ACCEL_DONE_ABORTED);
	KUNIT_EXPECT_EQ(test, outcome.bytes, 0x123456789);
	KUNIT_EXPECT_EQ(test, outcome.result, 0xe3069283);
}

static struct kunit_case mock_engine_cases[] = {
	KUNIT_CASE(mock_test_in_flight),
	KUNIT_CASE(mock_test_heads_that_can_be),
	KUNIT_CASE(mock_test_heads_that_can_not_be),
	KUNIT_CASE(mock_test_descriptor),
	KUNIT_CASE(mock_test_completion),
	{ }
};

static struct kunit_suite mock_engine_suite = {
	.name = "mock-accel-engine",
	.test_cases = mock_engine_cases,
};

kunit_test_suite(mock_engine_suite);
