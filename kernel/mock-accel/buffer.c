// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel: buffers, memory that a program shares with the engine.
 *
 * Two lives: the pages live as long as the context, that is, until the file is closed, all maps
 * are gone and no work is in flight. The device's view of them ends with the device, which may be
 * earlier. So they are pages of the machine with a streaming mapping; memory of
 * dma_alloc_coherent() would have to be taken from the maps when the device is unbound.
 *
 * Buffer i has the addresses from i * MOCK_ACCEL_MAX_BUFFER, in maps and in works.
 */
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/lockdep.h>
#include <linux/mm.h>
#include <linux/nospec.h>

#include "mock_accel_drv.h"

/* The buffer that has all @length bytes at @address; NULL: there is none. */
static const struct mock_buffer *mock_buffer_find(const struct mock_context *context, u64 address,
						  u64 length)
{
	u64 index = address / MOCK_ACCEL_MAX_BUFFER, offset = address % MOCK_ACCEL_MAX_BUFFER;
	/* Pairs with mock_buffer_add(). */
	unsigned int count = smp_load_acquire(&context->buffer_count);
	const struct mock_buffer *buffer;

	if (index >= count)
		return NULL;
	buffer = &context->buffers[array_index_nospec((unsigned long)index, count)];
	if (offset > buffer->size || length > buffer->size - offset)
		return NULL;
	return buffer;
}

/* Turns an address of a program into that of the device. -EFAULT: not all within one buffer. */
int mock_buffer_translate(const struct mock_context *context, __u64 *address, u64 length)
{
	const struct mock_buffer *buffer = mock_buffer_find(context, *address, length);

	if (!buffer)
		return -EFAULT;
	*address = buffer->address + *address % MOCK_ACCEL_MAX_BUFFER;
	return 0;
}

/* The context is there: a map holds the file. */
static vm_fault_t mock_buffer_fault(struct vm_fault *fault)
{
	const struct mock_context *context = fault->vma->vm_file->private_data;
	u64 address = (u64)fault->pgoff << PAGE_SHIFT;
	const struct mock_buffer *buffer = mock_buffer_find(context, address, PAGE_SIZE);

	if (!buffer)
		return VM_FAULT_SIGBUS;
	fault->page = virt_to_page(buffer->memory + address % MOCK_ACCEL_MAX_BUFFER);
	get_page(fault->page);
	return 0;
}

static const struct vm_operations_struct mock_buffer_operations = {
	.fault = mock_buffer_fault,
};

/* A private map would not see what the engine does. */
int mock_buffer_mmap(const struct mock_context *context, struct vm_area_struct *vma)
{
	u64 address = (u64)vma->vm_pgoff << PAGE_SHIFT;

	if (!(vma->vm_flags & VM_MAYSHARE) ||
	    !mock_buffer_find(context, address, vma->vm_end - vma->vm_start))
		return -EINVAL;
	vma->vm_ops = &mock_buffer_operations;
	return 0;
}

static int mock_buffer_map(struct mock_device *mdev, struct mock_buffer *buffer)
{
	struct device *dev = &mdev->pdev->dev;

	buffer->address = dma_map_single(dev, buffer->memory, buffer->size, DMA_BIDIRECTIONAL);
	return dma_mapping_error(dev, buffer->address) ? -ENOMEM : 0;
}

/* Under mdev->lock, so that no buffer comes after mock_buffers_detach(). */
static int mock_buffer_add(struct mock_context *context, struct mock_buffer *buffer, __u64 *offset)
{
	struct mock_device *mdev = context->mdev;
	unsigned int index = context->buffer_count;
	int err;

	if (mdev->state != MOCK_LIVE)
		return -ENODEV;
	if (index == MOCK_ACCEL_MAX_BUFFERS)
		return -ENOSPC;
	err = mock_buffer_map(mdev, buffer);
	if (err)
		return err;
	context->buffers[index] = *buffer;
	/* Pairs with mock_buffer_find(), which takes no lock. */
	smp_store_release(&context->buffer_count, index + 1);
	list_move(&context->link, &mdev->contexts);
	*offset = (u64)index * MOCK_ACCEL_MAX_BUFFER;
	return 0;
}

/* Pages that the device reaches without a bounce buffer, charged to who asks. */
static void *mock_buffer_pages(struct mock_device *mdev, size_t size)
{
	gfp_t flags = GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN;

	if (!mdev->engine.wide)
		flags |= GFP_DMA32;
	return alloc_pages_exact(size, flags);
}

int mock_buffer_create(struct mock_context *context, struct mock_accel_buffer *request)
{
	struct mock_device *mdev = context->mdev;
	struct mock_buffer buffer = { };
	int err;

	if (!request->size || request->size > MOCK_ACCEL_MAX_BUFFER)
		return -EINVAL;
	buffer.size = PAGE_ALIGN(request->size);
	buffer.memory = mock_buffer_pages(mdev, buffer.size);
	if (!buffer.memory)
		return -ENOMEM;

	mock_lock(mdev);
	err = mock_buffer_add(context, &buffer, &request->offset);
	mutex_unlock(&mdev->lock);
	if (err)
		free_pages_exact(buffer.memory, buffer.size);
	request->size = buffer.size;
	return err;
}

static void mock_buffers_unmap(struct mock_context *context)
{
	struct mock_buffer *buffer = context->buffers;

	for (; buffer < context->buffers + context->buffer_count; buffer++)
		dma_unmap_single(&context->mdev->pdev->dev, buffer->address, buffer->size,
				 DMA_BIDIRECTIONAL);
	list_del_init(&context->link);
}

/* Under mdev->lock, when no work is in flight and the device's state keeps new ones away. */
void mock_buffers_detach(struct mock_device *mdev)
{
	struct mock_context *context, *next;

	list_for_each_entry_safe(context, next, &mdev->contexts, link)
		mock_buffers_unmap(context);
}

/* Under mdev->lock. The context is going: nobody uses it, neither program nor device. */
void mock_buffers_free(struct mock_context *context)
{
	struct mock_buffer *buffer = context->buffers;

	lockdep_assert_held(&context->mdev->lock);
	if (!list_empty(&context->link))
		mock_buffers_unmap(context);
	for (; buffer < context->buffers + context->buffer_count; buffer++)
		free_pages_exact(buffer->memory, buffer->size);
}

#ifdef CONFIG_KUNIT
#include "buffer_test.c"
#endif
