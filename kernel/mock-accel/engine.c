// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: the engine and its ring.
 *
 * What the device may write is not trusted: of the ring's memory only completion records are read,
 * each once, and HEAD has to lie where it can. A work in flight belongs to the device, and with it
 * the memory of its context, until HEAD has passed it or a stopped engine is no longer busy. That
 * of a device that never says so is kept until a reset, or until the driver lets go of the device.
 *
 * The engine is switched on by the first work that finds it off: one way for the first use, after
 * a reset and after a fault.
 */
#include <linux/dma-mapping.h>
#include <linux/iopoll.h>
#include <linux/lockdep.h>

#include "mock_accel_drv.h"

/* How long a stopped engine may stay busy: with one piece of work, so far more than it takes. */
#define MOCK_STOP_US		USEC_PER_SEC

struct mock_ring {
	struct mock_accel_descriptor descriptors[MOCK_RING_SIZE];
	struct mock_accel_completion completions[MOCK_RING_SIZE];
};

/* The contract's structs have the types of user space, and the device's byte order. */
static __u32 mock_wire32(u32 value)
{
	return (__force __u32)cpu_to_le32(value);
}

static __u64 mock_wire64(u64 value)
{
	return (__force __u64)cpu_to_le64(value);
}

static u32 mock_from_wire32(__u32 value)
{
	return le32_to_cpu((__force __le32)value);
}

static u64 mock_from_wire64(__u64 value)
{
	return le64_to_cpu((__force __le64)value);
}

static u32 mock_in_flight(const struct mock_engine *engine)
{
	return engine->tail - engine->head;
}

/* What is said to be done can only be what is in flight. */
static bool mock_is_head(const struct mock_engine *engine, u32 head)
{
	return head - engine->head <= mock_in_flight(engine);
}

static void mock_turn_off(struct mock_engine *engine)
{
	spin_lock(&engine->lock);
	engine->on = false;
	spin_unlock(&engine->lock);
}

/* As the device, it counts from 0. None is in flight. */
static void mock_turn_on(struct mock_engine *engine)
{
	spin_lock(&engine->lock);
	engine->head = 0;
	engine->tail = 0;
	engine->on = true;
	spin_unlock(&engine->lock);
}

/* The oldest work in flight has come to its end. */
static void mock_finish(struct mock_device *mdev, const struct mock_outcome *outcome)
{
	struct mock_engine *engine = &mdev->engine;
	struct mock_context *context;
	struct mock_work *work;

	lockdep_assert_held(&mdev->lock);
	spin_lock(&engine->lock);
	work = engine->works[engine->head++ % MOCK_RING_SIZE];
	context = work->context;
	/* From now on it may be taken, and be gone. */
	mock_work_end(work, outcome);
	spin_unlock(&engine->lock);

	wake_up_all(&mdev->changes);
	mock_context_put(context);
}

static void mock_abort_all(struct mock_device *mdev)
{
	const struct mock_outcome aborted = { .status = MOCK_ACCEL_DONE_ABORTED };

	while (mock_in_flight(&mdev->engine))
		mock_finish(mdev, &aborted);
}

/* 0: the device does not use the machine's memory. -EIO: it still does. -ENODEV. */
static int mock_await_idle(struct mock_device *mdev, unsigned long timeout_us)
{
	u32 status = MOCK_ACCEL_ENGINE_BUSY;
	int err;

	read_poll_timeout(mock_read32, err, err || !(status & MOCK_ACCEL_ENGINE_BUSY), 1000,
			  timeout_us, false, mdev, MOCK_ACCEL_REG_ENGINE_STATUS, &status);
	if (err)
		return err;
	return status & MOCK_ACCEL_ENGINE_BUSY ? -EIO : 0;
}

/* Works in flight end, unless the device does not let go of them: see mock_look(). */
static void mock_disable(struct mock_device *mdev)
{
	mock_turn_off(&mdev->engine);
	if (!mock_write32(mdev, MOCK_ACCEL_REG_ENGINE_CONTROL, 0) &&
	    !mock_await_idle(mdev, MOCK_STOP_US))
		mock_abort_all(mdev);
}

static void mock_engine_failed(struct mock_device *mdev, const char *what, u32 value)
{
	dev_err_ratelimited(&mdev->pdev->dev, "engine %s %u: works in flight are aborted\n",
			    what, value);
	mock_disable(mdev);
}

static void mock_read_completion(const struct mock_engine *engine, struct mock_outcome *outcome)
{
	u32 slot = engine->head % MOCK_RING_SIZE;
	const struct mock_accel_completion *completion = &engine->ring->completions[slot];

	outcome->status = mock_from_wire32(READ_ONCE(completion->status));
	outcome->bytes = mock_from_wire64(READ_ONCE(completion->bytes));
	outcome->result = mock_from_wire64(READ_ONCE(completion->result));
}

static void mock_check_halted(struct mock_device *mdev)
{
	u32 status;

	if (mock_read32(mdev, MOCK_ACCEL_REG_ENGINE_STATUS, &status))
		return;
	if (status & MOCK_ACCEL_ENGINE_HALTED)
		mock_engine_failed(mdev, "halted, reason",
				   status >> MOCK_ACCEL_ENGINE_REASON_SHIFT & 0xff);
}

/* Reading HEAD also orders: what the device wrote before it is in memory. */
static void mock_reap(struct mock_device *mdev)
{
	struct mock_engine *engine = &mdev->engine;
	struct mock_outcome outcome;
	u32 head;

	if (mock_read32(mdev, MOCK_ACCEL_REG_RING_HEAD, &head))
		return;
	if (!mock_is_head(engine, head)) {
		mock_engine_failed(mdev, "has a HEAD out of range,", head);
		return;
	}
	while (engine->head != head) {
		mock_read_completion(engine, &outcome);
		if (!outcome.status) {
			mock_engine_failed(mdev, "left no completion of descriptor", engine->head);
			return;
		}
		mock_finish(mdev, &outcome);
	}
	if (mock_in_flight(engine))
		mock_check_halted(mdev);
}

/* Under mdev->lock. Takes in what the device has finished, or given up since it was stopped. */
static void mock_look(struct mock_device *mdev)
{
	if (mdev->state != MOCK_LIVE || !mock_in_flight(&mdev->engine))
		return;
	if (mdev->engine.on)
		mock_reap(mdev);
	else if (!mock_await_idle(mdev, 1))
		mock_abort_all(mdev);
}

void mock_engine_look(struct mock_device *mdev)
{
	mutex_lock(&mdev->lock);
	mock_look(mdev);
	mutex_unlock(&mdev->lock);
}

/* Interrupts get lost. Where the engine has no vector of its own, none comes to begin with. */
static void mock_watch_later(struct mock_device *mdev)
{
	bool interrupts = mdev->vectors > MOCK_ACCEL_VECTOR_ENGINE;

	schedule_delayed_work(&mdev->engine.watch, msecs_to_jiffies(interrupts ? 1000 : 10));
}

static void mock_watch(struct work_struct *work)
{
	struct mock_device *mdev = container_of(to_delayed_work(work), struct mock_device,
						engine.watch);

	mutex_lock(&mdev->lock);
	mock_look(mdev);
	if (mock_in_flight(&mdev->engine))
		mock_watch_later(mdev);
	mutex_unlock(&mdev->lock);
}

/* -EOPNOTSUPP: the device has no engine, as that of an old server. */
static int mock_enable(struct mock_device *mdev)
{
	struct mock_engine *engine = &mdev->engine;
	__le64 base = cpu_to_le64(engine->address);
	u32 control;
	int err;

	err = mock_write(mdev, MOCK_ACCEL_REG_RING_BASE, &base, sizeof(base)) ?:
	      mock_write32(mdev, MOCK_ACCEL_REG_RING_SIZE, MOCK_RING_SIZE) ?:
	      mock_write32(mdev, MOCK_ACCEL_REG_ENGINE_CONTROL, MOCK_ACCEL_ENGINE_ENABLE) ?:
	      mock_read32(mdev, MOCK_ACCEL_REG_ENGINE_CONTROL, &control);
	if (err)
		return err;
	if (!(control & MOCK_ACCEL_ENGINE_ENABLE))
		return -EOPNOTSUPP;
	mock_turn_on(engine);
	return 0;
}

/* -EAGAIN: works of before the stop are still the device's; so is the ring. */
static int mock_switch_on(struct mock_device *mdev)
{
	if (mdev->engine.on)
		return 0;
	if (mock_in_flight(&mdev->engine))
		return -EAGAIN;
	return mock_await_idle(mdev, MOCK_STOP_US) ?: mock_enable(mdev);
}

static void mock_describe(struct mock_engine *engine, const struct mock_accel_work *request)
{
	u32 slot = engine->tail % MOCK_RING_SIZE;
	u64 completion = engine->address + offsetof(struct mock_ring, completions) +
			 slot * sizeof(struct mock_accel_completion);

	memset(&engine->ring->completions[slot], 0, sizeof(struct mock_accel_completion));
	engine->ring->descriptors[slot] = (struct mock_accel_descriptor) {
		.operation = request->operation,
		.flags = request->flags | MOCK_ACCEL_DESCRIPTOR_INTERRUPT,
		.tag = mock_wire32(engine->tail),
		.source = mock_wire64(request->source),
		.destination = mock_wire64(request->destination),
		.length = mock_wire64(request->length),
		.operand = mock_wire64(request->operand),
		.completion = mock_wire64(completion),
	};
}

static int mock_enqueue(struct mock_engine *engine, struct mock_work *work)
{
	int err = -EAGAIN;

	spin_lock(&engine->lock);
	if (mock_in_flight(engine) < MOCK_RING_SIZE)
		err = mock_work_begin(work);
	if (!err) {
		mock_describe(engine, &work->request);
		engine->works[engine->tail++ % MOCK_RING_SIZE] = work;
	}
	spin_unlock(&engine->lock);
	return err;
}

/* Under mdev->lock. The register write comes after the descriptor, also for the device. */
static int mock_submit_locked(struct mock_device *mdev, struct mock_work *work)
{
	int err;

	if (mdev->state != MOCK_LIVE)
		return -ENODEV;
	if (!mock_engine_has_room(mdev))
		mock_look(mdev);
	err = mock_switch_on(mdev) ?: mock_enqueue(&mdev->engine, work);
	if (err)
		return err;
	mock_write32(mdev, MOCK_ACCEL_REG_RING_TAIL, mdev->engine.tail);
	mock_watch_later(mdev);
	return 0;
}

/*
 * -EAGAIN: the ring is full, for now; -ENOSPC: the work's context has too many. After success the
 * work is the engine's, and another thread may have taken its result already: @id names it.
 */
int mock_engine_submit(struct mock_device *mdev, struct mock_work *work, u64 *id)
{
	int err;

	err = mock_lock_interruptible(mdev);
	if (err)
		return err;
	err = mock_submit_locked(mdev, work);
	if (!err)
		*id = work->id;
	mutex_unlock(&mdev->lock);
	return err;
}

/* Also true where waiting for room would be in vain. */
bool mock_engine_has_room(struct mock_device *mdev)
{
	struct mock_engine *engine = &mdev->engine;
	bool room;

	if (mock_lost(mdev))
		return true;
	spin_lock(&engine->lock);
	room = mock_in_flight(engine) < (engine->on ? MOCK_RING_SIZE : 1);
	spin_unlock(&engine->lock);
	return room;
}

/* Under mdev->lock. Works in flight are aborted, save those that the device does not let go of. */
void mock_engine_stop(struct mock_device *mdev)
{
	mock_look(mdev);
	if (mdev->engine.on)
		mock_disable(mdev);
}

/*
 * Under mdev->lock, when the device is live again. A reset has stopped the engine; what was only a
 * recovery may not have.
 */
void mock_engine_reset_done(struct mock_device *mdev)
{
	mock_disable(mdev);
}

/* Under mdev->lock, when the device can't reach the machine's memory any more. */
void mock_engine_abandon(struct mock_device *mdev)
{
	mock_turn_off(&mdev->engine);
	mock_abort_all(mdev);
}

/* When the engine has been abandoned. Not under mdev->lock: waits for who may have it. */
void mock_engine_unwatch(struct mock_device *mdev)
{
	cancel_delayed_work_sync(&mdev->engine.watch);
}

static int mock_make_ring(struct mock_engine *engine, struct device *dev)
{
	int err;

	engine->wide = !dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (!engine->wide) {
		err = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(32));
		if (err)
			return err;
	}
	engine->ring = dmam_alloc_coherent(dev, sizeof(*engine->ring), &engine->address,
					   GFP_KERNEL);
	return engine->ring ? 0 : -ENOMEM;
}

/*
 * Before the device may reach the machine's memory: whoever drove it before, such as a kernel that
 * crashed, may have left the engine on. -EIO: it does not stop, so that it must not get there. The
 * ring's memory is given back after the driver's remove.
 */
int mock_engine_init(struct mock_device *mdev)
{
	struct mock_engine *engine = &mdev->engine;
	int err;

	spin_lock_init(&engine->lock);
	INIT_DELAYED_WORK(&engine->watch, mock_watch);
	mutex_lock(&mdev->lock);
	err = mock_write32(mdev, MOCK_ACCEL_REG_ENGINE_CONTROL, 0) ?:
	      mock_await_idle(mdev, MOCK_STOP_US);
	mutex_unlock(&mdev->lock);
	return err ?: mock_make_ring(engine, &mdev->pdev->dev);
}

#ifdef CONFIG_KUNIT
#include "engine_test.c"
#endif
