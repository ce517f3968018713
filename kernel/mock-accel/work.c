// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: works: how a program gives them to the engine and gets their results back.
 *
 * A work is on its context's list of running ones until it ends, and then on that of results until
 * somebody takes it. Both are under the engine's lock.
 */
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include "mock_accel_drv.h"

#define MOCK_SOURCE		MOCK_ACCEL_DESCRIPTOR_SOURCE_DEVICE
#define MOCK_DESTINATION	MOCK_ACCEL_DESCRIPTOR_DESTINATION_DEVICE

/* Which addresses an operation has, by the flags that put them into the device's memory. */
static const u32 mock_operands[] = {
	[MOCK_ACCEL_OP_NOP] = 0,
	[MOCK_ACCEL_OP_FILL] = MOCK_DESTINATION,
	[MOCK_ACCEL_OP_COPY] = MOCK_SOURCE | MOCK_DESTINATION,
	[MOCK_ACCEL_OP_CRC32C] = MOCK_SOURCE,
};

/* The address that @flag stands for. What the operation does not use tells the device nothing. */
static int mock_translate(const struct mock_context *context, struct mock_accel_work *request,
			  u32 flag, __u64 *address)
{
	if (!(mock_operands[request->operation] & flag))
		*address = 0;
	else if (!(request->flags & flag))
		return mock_buffer_translate(context, address, request->length);
	return 0;
}

/* Checks a program's request, and makes it one with the addresses of the device. */
static int mock_work_prepare(const struct mock_context *context, struct mock_accel_work *request)
{
	if (request->operation >= ARRAY_SIZE(mock_operands) ||
	    request->flags & ~(MOCK_SOURCE | MOCK_DESTINATION))
		return -EINVAL;
	return mock_translate(context, request, MOCK_SOURCE, &request->source) ?:
	       mock_translate(context, request, MOCK_DESTINATION, &request->destination);
}

typedef void (*mock_sync)(struct device *dev, dma_addr_t address, size_t size,
			  enum dma_data_direction direction);

/* Hands the memory of a work from processor to device or back: only bytes that the work names. */
static void mock_work_sync(const struct mock_work *work, mock_sync sync)
{
	const struct mock_accel_work *request = &work->request;
	u32 in_memory = mock_operands[request->operation] & ~request->flags;
	struct device *dev = &work->context->mdev->pdev->dev;

	if (!request->length)
		return;
	if (in_memory & MOCK_SOURCE)
		sync(dev, request->source, request->length, DMA_BIDIRECTIONAL);
	if (in_memory & MOCK_DESTINATION)
		sync(dev, request->destination, request->length, DMA_BIDIRECTIONAL);
}

/* Under the engine's lock: the work is about to be the device's. It holds its context meanwhile. */
int mock_work_begin(struct mock_work *work)
{
	struct mock_context *context = work->context;

	if (context->works == MOCK_ACCEL_MAX_WORKS)
		return -ENOSPC;
	context->works++;
	work->id = ++context->last_id;
	list_add_tail(&work->link, &context->running);
	mock_context_get(context);
	mock_work_sync(work, dma_sync_single_for_device);
	return 0;
}

/* Under the engine's lock. The caller gives the context back. */
void mock_work_end(struct mock_work *work, const struct mock_outcome *outcome)
{
	struct mock_context *context = work->context;

	mock_work_sync(work, dma_sync_single_for_cpu);
	work->outcome = *outcome;
	list_move_tail(&work->link, &context->results);
	mock_context_signal(context);
}

static struct mock_work *mock_work_create(struct mock_context *context,
					  const struct mock_accel_work *request)
{
	struct mock_work *work = kzalloc(sizeof(*work), GFP_KERNEL_ACCOUNT);
	int err;

	if (!work)
		return ERR_PTR(-ENOMEM);
	work->context = context;
	work->request = *request;
	err = mock_work_prepare(context, &work->request);
	if (!err)
		return work;
	kfree(work);
	return ERR_PTR(err);
}

int mock_work_submit(struct mock_context *context, struct mock_accel_work *request, bool may_wait)
{
	struct mock_device *mdev = context->mdev;
	struct mock_work *work = mock_work_create(context, request);
	int err;

	if (IS_ERR(work))
		return PTR_ERR(work);
	do {
		err = mock_engine_submit(mdev, work, &request->id);
		if (err != -EAGAIN || !may_wait)
			break;
		err = wait_event_interruptible(mdev->changes, mock_engine_has_room(mdev));
	} while (!err);
	if (err)
		kfree(work);
	return err;
}

/* 0: any. */
static struct mock_work *mock_work_find(struct list_head *works, u64 id)
{
	struct mock_work *work;

	list_for_each_entry(work, works, link)
		if (!id || work->id == id)
			return work;
	return NULL;
}

/* -EAGAIN: it has not ended. -ENOENT: there is none. After success @result is the caller's. */
static int mock_result_take(struct mock_context *context, u64 id, struct mock_work **result)
{
	struct mock_engine *engine = &context->mdev->engine;
	int err = 0;

	if (mock_lost(context->mdev))
		return -ENODEV;
	spin_lock(&engine->lock);
	*result = mock_work_find(&context->results, id);
	if (*result) {
		list_del(&(*result)->link);
		context->works--;
	} else {
		err = mock_work_find(&context->running, id) ? -EAGAIN : -ENOENT;
	}
	spin_unlock(&engine->lock);
	return err;
}

/* As above, but waits; -ETIMEDOUT where it has not ended even at a last look. */
static int mock_result_await(struct mock_context *context, u64 id, long timeout,
			     struct mock_work **result)
{
	struct mock_device *mdev = context->mdev;
	long left;
	int err;

	left = wait_event_interruptible_timeout(mdev->changes,
						(err = mock_result_take(context, id, result)) !=
						-EAGAIN, timeout);
	/* Restarted by the kernel, the time would begin anew. */
	if (left < 0)
		return timeout == MAX_SCHEDULE_TIMEOUT ? left : -EINTR;
	if (err != -EAGAIN)
		return err;
	mock_engine_look(mdev);
	err = mock_result_take(context, id, result);
	return err == -EAGAIN ? -ETIMEDOUT : err;
}

int mock_work_wait(struct mock_context *context, struct mock_accel_wait *wait)
{
	long timeout = MAX_SCHEDULE_TIMEOUT;
	struct mock_work *work;
	int err;

	if (wait->timeout_ms < -1)
		return -EINVAL;
	if (wait->timeout_ms >= 0)
		timeout = msecs_to_jiffies(wait->timeout_ms);
	err = mock_result_await(context, wait->id, timeout, &work);
	if (err)
		return err;
	wait->id = work->id;
	wait->status = work->outcome.status;
	wait->bytes = work->outcome.bytes;
	wait->result = work->outcome.result;
	kfree(work);
	return 0;
}

#ifdef CONFIG_KUNIT
#include "work_test.c"
#endif
