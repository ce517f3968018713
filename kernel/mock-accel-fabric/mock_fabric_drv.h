/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * mock-accel-fabric: what the driver's files share.
 *
 * pci.c		binds, resets and unbinds a bridge
 * segment.c		the PCI segment behind it: configuration space, window, number
 * interrupts.c		interrupts of the segment's functions, out of the bridge's own
 * domains.c		makes them MSI and MSI-X for the core
 * msi_*.c		the part of that which depends on the kernel
 * watch.c		notices that the bridge has died, and takes it off the machine
 * work.c		what is done to a bridge later, by a task that holds no lock
 */
#ifndef MOCK_FABRIC_DRV_H
#define MOCK_FABRIC_DRV_H

#include <linux/bitmap.h>
#include <linux/ioport.h>
#include <linux/irqdomain.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci-ecam.h>
#include <linux/workqueue.h>

#include "mock_accel.h"
#include "mock_accel_fabric.h"

#define MOCK_FABRIC_DRIVER_NAME		"mock-accel-fabric"

/* What the architecture's PCI code expects to find in the sysdata of a bus. */
#ifdef CONFIG_X86
#define mock_fabric_sysdata		pci_sysdata
#else
#define mock_fabric_sysdata		pci_config_window
#endif

struct mock_fabric;

/**
 * struct mock_fabric_vector - what the handler of an MSI-X vector of the bridge needs to know
 * @fabric: whose it is
 * @index: which it is: it reads each word of PENDING that is @index modulo the vectors in use
 */
struct mock_fabric_vector {
	struct mock_fabric *fabric;
	unsigned int index;
};

/**
 * struct mock_fabric - a bridge and its segment
 *
 * Lies behind the segment's struct pci_host_bridge, so that it lives as long as the root bus.
 *
 * @pdev: the bridge
 * @registers: its BAR 4
 * @config: its BAR 0, the segment's configuration space
 * @buses: buses that @config has room for
 * @offline: not 0: do not access @config. The bridge does not answer, or is being reset
 * @watch: asks the bridge now and then whether it is still there
 * @bus_numbers: 0 to @buses - 1
 * @window: BAR 2, as the root bus has it: addresses of the functions on the segment
 * @sysdata: the architecture's part of each bus of the segment
 * @numbers_lock: orders taking and giving back of @numbers
 * @numbers: interrupts of the segment that belong to a function
 * @number_domain: one interrupt for each number
 * @msi_domain: what functions take MSI and MSI-X from: on top of @number_domain, or itself
 * @fwnode: name of the domains
 * @vector_count: MSI-X vectors of the bridge in use
 * @vectors: one for each
 */
struct mock_fabric {
	struct pci_dev *pdev;
	void __iomem *registers;
	void __iomem *config;
	unsigned int buses;
	unsigned long offline;
	struct delayed_work watch;

	struct resource bus_numbers;
	struct resource window;
	struct mock_fabric_sysdata sysdata;

	struct mutex numbers_lock;	/* orders taking and giving back of numbers */
	DECLARE_BITMAP(numbers, MOCK_FABRIC_INTERRUPTS);
	struct irq_domain *number_domain;
	struct irq_domain *msi_domain;
	struct fwnode_handle *fwnode;
	int vector_count;
	struct mock_fabric_vector vectors[MOCK_FABRIC_VECTORS];
};

/* pci.c */
bool mock_fabric_answers(struct mock_fabric *fabric);
struct mock_fabric *mock_fabric_of_bridge(struct pci_dev *pdev);

/* segment.c */
int mock_fabric_segment_add(struct mock_fabric *fabric, int wanted);
void mock_fabric_with_segment(struct pci_dev *pdev, void (*todo)(struct mock_fabric *fabric));
void mock_fabric_segment_bind(struct pci_dev *pdev);
void mock_fabric_segment_unbind(struct mock_fabric *fabric);
void mock_fabric_segment_remove(struct mock_fabric *fabric);

/* watch.c */
void mock_fabric_watch_start(struct mock_fabric *fabric);
void mock_fabric_watch_pause(struct mock_fabric *fabric);
void mock_fabric_watch_resume(struct mock_fabric *fabric);

/* work.c */
extern struct workqueue_struct *mock_fabric_workqueue;

int mock_fabric_defer(struct mock_fabric *fabric, void (*todo)(struct pci_dev *pdev));
void mock_fabric_work_flush(void);
int mock_fabric_work_init(void);
void mock_fabric_work_exit(void);

/* interrupts.c */
int mock_fabric_take_number(struct mock_fabric *fabric, struct pci_dev *pdev);
void mock_fabric_give_number(struct mock_fabric *fabric, unsigned long number);
int mock_fabric_interrupts_init(struct mock_fabric *fabric);
void mock_fabric_interrupts_exit(struct mock_fabric *fabric);

/* domains.c */
extern const struct irq_domain_ops mock_fabric_number_ops;

void mock_fabric_ack(struct irq_data *data);
int mock_fabric_set_affinity(struct irq_data *data, const struct cpumask *mask, bool force);
int mock_fabric_domains_init(struct mock_fabric *fabric);
void mock_fabric_domains_exit(struct mock_fabric *fabric);

/* msi_global.c or msi_per_device.c */
int mock_fabric_msi_add(struct mock_fabric *fabric);
void mock_fabric_msi_remove(struct mock_fabric *fabric);

#endif /* MOCK_FABRIC_DRV_H */
