/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mock-accel-fabric: what older kernels lack. Kbuild looks what there is.
 */
#ifndef MOCK_FABRIC_COMPAT_H
#define MOCK_FABRIC_COMPAT_H

#include <linux/errno.h>
#include <linux/types.h>

#ifndef MOCK_FABRIC_HAVE_EMUL_DOMAINS
/* Nobody keeps account of the segments that drivers make. */
static inline int pci_bus_find_emul_domain_nr(u32 hint, u32 min, u32 max)
{
	u32 number = hint > min ? hint : min;

	return number <= max ? number : -ENOSPC;
}

static inline void pci_bus_release_emul_domain_nr(int number)
{
}
#endif

#endif /* MOCK_FABRIC_COMPAT_H */
