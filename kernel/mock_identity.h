/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Whether what answers is what a driver is for. Both modules ask before they believe any register.
 */
#ifndef MOCK_IDENTITY_H
#define MOCK_IDENTITY_H

#include <linux/device.h>
#include <linux/pci.h>

/**
 * struct mock_identity - what a driver is for
 * @kind: as its log calls it
 * @what: its full name
 * @reg: name of the register that @magic is in
 * @magic: value of that register
 * @abi: of the driver
 */
struct mock_identity {
	const char *kind;
	const char *what;
	const char *reg;
	u32 magic;
	u32 abi;
};

/* -ENODEV, and a line in the log: a driver for @wanted can't drive what reads @magic and @abi. */
static inline int mock_identity_check(struct device *dev, const struct mock_identity *wanted,
				      u32 magic, u32 abi)
{
	if (PCI_POSSIBLE_ERROR(magic)) {
		dev_err(dev, "%s does not answer (reads all ones)\n", wanted->kind);
		return -ENODEV;
	}
	if (magic != wanted->magic) {
		dev_err(dev, "not a %s: %s reads 0x%08x, not 0x%08x\n", wanted->what, wanted->reg,
			magic, wanted->magic);
		return -ENODEV;
	}
	if (abi != wanted->abi) {
		dev_err(dev, "%s has ABI %u, this driver ABI %u: update the older one\n",
			wanted->kind, abi, wanted->abi);
		return -ENODEV;
	}
	return 0;
}

#endif /* MOCK_IDENTITY_H */
