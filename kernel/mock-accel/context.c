// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: the context of an open file: what it has, and how long.
 *
 * Held by the file, and by each work that is in flight: a device that does not let go of a work
 * keeps the memory of a file that is closed.
 */
#include <linux/eventfd.h>
#include <linux/lockdep.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "mock_accel_drv.h"

/* How long closing a file waits for its works before it stops the engine. */
#define MOCK_CLOSE_MS		5000

struct mock_context *mock_context_create(struct mock_device *mdev)
{
	struct mock_context *context = kzalloc(sizeof(*context), GFP_KERNEL_ACCOUNT);

	if (!context)
		return NULL;
	kref_init(&context->users);
	context->mdev = mdev;
	INIT_LIST_HEAD(&context->link);
	INIT_LIST_HEAD(&context->running);
	INIT_LIST_HEAD(&context->results);
	return context;
}

void mock_context_get(struct mock_context *context)
{
	kref_get(&context->users);
}

static void mock_context_release(struct kref *users)
{
	struct mock_context *context = container_of(users, struct mock_context, users);
	struct mock_work *work, *next;

	list_for_each_entry_safe(work, next, &context->results, link)
		kfree(work);
	mock_buffers_free(context);
	kfree(context);
}

/* Under mdev->lock. */
void mock_context_put(struct mock_context *context)
{
	lockdep_assert_held(&context->mdev->lock);
	kref_put(&context->users, mock_context_release);
}

/* Also true where nothing will end any more. */
static bool mock_context_is_idle(struct mock_context *context)
{
	return mock_lost(context->mdev) || list_empty(&context->running);
}

static void mock_context_set_eventfd(struct mock_context *context, struct eventfd_ctx *eventfd)
{
	struct mock_engine *engine = &context->mdev->engine;

	spin_lock(&engine->lock);
	swap(context->eventfd, eventfd);
	spin_unlock(&engine->lock);
	if (eventfd)
		eventfd_ctx_put(eventfd);
}

/* Bounded: works that do not end in time are aborted, and with them those of all files. */
void mock_context_close(struct mock_context *context)
{
	struct mock_device *mdev = context->mdev;

	mock_context_set_eventfd(context, NULL);
	wait_event_killable_timeout(mdev->changes, mock_context_is_idle(context),
				    msecs_to_jiffies(MOCK_CLOSE_MS));
	mock_lock(mdev);
	if (!mock_context_is_idle(context)) {
		dev_warn_ratelimited(&mdev->dev, "a file is closed whose works do not end: the engine is stopped\n");
		mock_engine_stop(mdev);
	}
	mock_context_put(context);
	mutex_unlock(&mdev->lock);
}

/* @number: of a file; -1: no more signals. */
int mock_context_eventfd(struct mock_context *context, int number)
{
	struct eventfd_ctx *eventfd = number == -1 ? NULL : eventfd_ctx_fdget(number);

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	mock_context_set_eventfd(context, eventfd);
	return 0;
}

/* Under the engine's lock. */
void mock_context_signal(struct mock_context *context)
{
	if (!context->eventfd)
		return;
#ifdef MOCK_EVENTFD_COUNTS
	eventfd_signal(context->eventfd, 1);
#else
	eventfd_signal(context->eventfd);
#endif
}

/* What poll() says of a device that is there. */
__poll_t mock_context_readiness(struct mock_context *context)
{
	__poll_t ready = 0;

	if (!list_empty(&context->results))
		ready |= EPOLLIN | EPOLLRDNORM;
	if (mock_engine_has_room(context->mdev))
		ready |= EPOLLOUT | EPOLLWRNORM;
	return ready;
}
