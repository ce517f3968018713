// SPDX-License-Identifier: GPL-2.0-only
/*
 * mock-accel-fabric: the PCI segment behind a bridge: configuration space, window, number.
 *
 * All else, from root ports to virtual functions, is found and driven by the PCI core.
 */
#include "mock_fabric_compat.h"
#include "mock_fabric_drv.h"

#define MOCK_FABRIC_LAST_SEGMENT	0xffff

static struct mock_fabric *mock_fabric_of_bus(struct pci_bus *bus)
{
	return container_of(bus->sysdata, struct mock_fabric, sysdata);
}

/* NULL: nobody there. The core then reads all ones. */
static void __iomem *mock_fabric_map_bus(struct pci_bus *bus, unsigned int devfn, int where)
{
	struct mock_fabric *fabric = mock_fabric_of_bus(bus);

	if (bus->number >= fabric->buses || READ_ONCE(fabric->offline) ||
	    pci_channel_offline(fabric->pdev))
		return NULL;
	return fabric->config + PCIE_ECAM_OFFSET(bus->number, devfn, where);
}

/*
 * All ones are the usual answer where there is no function. They are also the answer to each of
 * the many thousand reads that the core would send to a bridge that is gone, before it gives up.
 */
static int mock_fabric_config_read(struct pci_bus *bus, unsigned int devfn, int where, int size,
				   u32 *value)
{
	struct mock_fabric *fabric = mock_fabric_of_bus(bus);
	int err = pci_generic_config_read(bus, devfn, where, size, value);

	if (!err && size == 4 && PCI_POSSIBLE_ERROR(*value))
		mock_fabric_answers(fabric);
	return err;
}

static struct pci_ops mock_fabric_config_ops = {
	.map_bus = mock_fabric_map_bus,
	.read = mock_fabric_config_read,
	.write = pci_generic_config_write,
};

static bool mock_fabric_segment_taken(int number)
{
	struct pci_bus *root = NULL;

	while ((root = pci_find_next_bus(root)))
		if (pci_domain_nr(root) == number)
			return true;
	return false;
}

/*
 * The number that the bridge asks for, or the next that is free on this machine. Goes back with the
 * host bridge that gets it, see mock_fabric_return_number().
 */
static int mock_fabric_choose_segment(struct mock_fabric *fabric, int wanted)
{
	struct device *dev = &fabric->pdev->dev;
	int number;

	/* Four digits: programs take longer addresses for something else. */
	if (wanted < 1 || wanted > MOCK_FABRIC_LAST_SEGMENT) {
		dev_err(dev, "SEGMENT reads 0x%x, not 1 to 0xffff\n", wanted);
		return -ENODEV;
	}
	for (number = wanted;; number++) {
		number = pci_bus_find_emul_domain_nr(number, 1, MOCK_FABRIC_LAST_SEGMENT);
		if (number < 0) {
			dev_err(dev, "no segment from %04x to ffff is free\n", wanted);
			return number;
		}
		if (!mock_fabric_segment_taken(number))
			break;
		pci_bus_release_emul_domain_nr(number);
	}
	if (number != wanted)
		dev_info(dev, "segment %04x is taken on this machine: using %04x\n", wanted,
			 number);
	return number;
}

/* Everything else in sysdata stays zero: on arm64, no parent means no firmware description. */
static void mock_fabric_number_segment(struct mock_fabric *fabric, struct pci_host_bridge *host,
				       int number)
{
	host->domain_nr = number;
#ifdef CONFIG_X86
	fabric->sysdata.domain = number;
	fabric->sysdata.node = dev_to_node(&fabric->pdev->dev);
#endif
	host->sysdata = &fabric->sysdata;
}

/* As pci_add_resource() does, which keeps it to itself that it had no memory. */
static int mock_fabric_add_resource(struct pci_host_bridge *host, struct resource *resource)
{
	struct resource_entry *entry = resource_list_create_entry(resource, 0);

	if (!entry)
		return -ENOMEM;
	resource_list_add_tail(entry, &host->windows);
	return 0;
}

/*
 * The window is BAR 2, without its being prefetchable: what is a prefetchable range to the machine
 * would be closed to the functions' other BARs.
 */
static int mock_fabric_add_resources(struct mock_fabric *fabric, struct pci_host_bridge *host)
{
	struct resource *bar = &fabric->pdev->resource[MOCK_FABRIC_BAR_WINDOW];
	int err;

	if (!(bar->flags & IORESOURCE_MEM)) {
		dev_err(&fabric->pdev->dev, "BAR %d is not memory: %pR\n", MOCK_FABRIC_BAR_WINDOW,
			bar);
		return -ENODEV;
	}
	fabric->window = (struct resource){
		.name = MOCK_FABRIC_DRIVER_NAME,
		.start = bar->start,
		.end = bar->end,
		.flags = IORESOURCE_MEM,
	};
	fabric->bus_numbers = (struct resource){
		.name = MOCK_FABRIC_DRIVER_NAME,
		.start = 0,
		.end = fabric->buses - 1,
		.flags = IORESOURCE_BUS,
	};
	err = request_resource(bar, &fabric->window);
	if (err) {
		dev_err(&fabric->pdev->dev, "BAR %d is in use: %pR\n", MOCK_FABRIC_BAR_WINDOW, bar);
		return err;
	}
	err = mock_fabric_add_resource(host, &fabric->bus_numbers) ?:
	      mock_fabric_add_resource(host, &fabric->window);
	if (err)
		release_resource(&fabric->window);
	return err;
}

/* Its functions are there without a driver until mock_fabric_segment_bind(). */
int mock_fabric_segment_add(struct mock_fabric *fabric, int wanted)
{
	struct pci_host_bridge *host = pci_host_bridge_from_priv(fabric);
	struct pci_bus *bus;
	int number, err;

	number = mock_fabric_choose_segment(fabric, wanted);
	if (number < 0)
		return number;
	mock_fabric_number_segment(fabric, host, number);
	host->ops = &mock_fabric_config_ops;
	err = mock_fabric_add_resources(fabric, host);
	if (err)
		return err;

	dev_set_msi_domain(&host->dev, fabric->msi_domain);
	err = pci_scan_root_bus_bridge(host);
	if (err) {
		dev_err(&fabric->pdev->dev, "cannot add segment %04x: error %d\n", number, err);
		release_resource(&fabric->window);
		return err;
	}
	pci_assign_unassigned_bus_resources(host->bus);
	list_for_each_entry(bus, &host->bus->children, node)
		pcie_bus_configure_settings(bus);
	return 0;
}

/*
 * Without the lock of rescans: a port's driver takes one of its own when it is bound, and takes
 * that of rescans with its own held when a card comes or goes. One that a rescan has added before,
 * and that has its driver, must not be added twice.
 */
static void mock_fabric_bind_ports(struct mock_fabric *fabric)
{
	struct pci_bus *root = pci_host_bridge_from_priv(fabric)->bus;
	unsigned int slot;

	for (slot = 0; slot <= PCI_SLOT(U8_MAX); slot++) {
		struct pci_dev *port = pci_get_slot(root, PCI_DEVFN(slot, 0));

		if (port && !READ_ONCE(port->dev.driver))
			pci_bus_add_device(port);
		pci_dev_put(port);
	}
}

static void mock_fabric_bind_cards(struct mock_fabric *fabric)
{
	pci_bus_add_devices(pci_host_bridge_from_priv(fabric)->bus);
}

/* With the segment of a bridge, if it still has one. */
void mock_fabric_with_segment(struct pci_dev *pdev, void (*todo)(struct mock_fabric *fabric))
{
	struct mock_fabric *fabric;

	device_lock(&pdev->dev);
	fabric = mock_fabric_of_bridge(pdev);
	if (fabric)
		todo(fabric);
	device_unlock(&pdev->dev);
}

/*
 * Not from the probe of the bridge: the core has moved that to a processor near the bridge, and
 * would move the probes of root ports likewise, one within the other, which lockdep takes for a
 * deadlock.
 */
void mock_fabric_segment_bind(struct pci_dev *pdev)
{
	/* A rescan that has found the bridge goes on to its segment: it comes to its end first. */
	pci_lock_rescan_remove();
	pci_unlock_rescan_remove();
	mock_fabric_with_segment(pdev, mock_fabric_bind_ports);
	pci_lock_rescan_remove();
	mock_fabric_with_segment(pdev, mock_fabric_bind_cards);
	pci_unlock_rescan_remove();
}

/* The walk comes to a port before what is below it: below the last there is nothing bound. */
static int mock_fabric_keep_bound(struct pci_dev *pdev, void *last)
{
	struct pci_dev **kept = last;

	if (READ_ONCE(pdev->dev.driver)) {
		pci_dev_put(*kept);
		*kept = pci_dev_get(pdev);
	}
	return 0;
}

static struct pci_dev *mock_fabric_last_bound(struct pci_bus *root)
{
	struct pci_dev *last = NULL;

	pci_walk_bus(root, mock_fabric_keep_bound, &last);
	return last;
}

/*
 * Takes the drivers from all functions: VFs before their PF, PFs before their root port. Looks
 * anew each time, since a PF takes its VFs along.
 */
void mock_fabric_segment_unbind(struct mock_fabric *fabric)
{
	struct pci_bus *root = pci_host_bridge_from_priv(fabric)->bus;
	struct pci_dev *pdev;

	while ((pdev = mock_fabric_last_bound(root))) {
		device_release_driver(&pdev->dev);
		pci_dev_put(pdev);
	}
}

/*
 * The core would do it with the last reference to the host bridge, and loses one to each PF that is
 * pulled with its VFs. The segment that comes next would get another number, and other names.
 */
static void mock_fabric_return_number(struct pci_host_bridge *host)
{
	int number = host->domain_nr;

	host->domain_nr = PCI_DOMAIN_NR_NOT_SET;
	pci_bus_release_emul_domain_nr(number);
}

void mock_fabric_segment_remove(struct mock_fabric *fabric)
{
	struct pci_host_bridge *host = pci_host_bridge_from_priv(fabric);

	pci_stop_root_bus(host->bus);
	pci_remove_root_bus(host->bus);
	mock_fabric_return_number(host);
	release_resource(&fabric->window);
}

#ifdef CONFIG_KUNIT
#include "segment_test.c"
#endif
