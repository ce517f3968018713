// SPDX-License-Identifier: Apache-2.0
// Reads a device's registers in every width at every alignment: all must see the same bytes.
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock_accel.h"

enum { kArea = 0x80 };  // the registers that nothing changes meanwhile

static void read_bytes(const volatile uint8_t* registers, unsigned at, unsigned width, void* into) {
  const volatile void* from = registers + at;
  switch (width) {
    case 1:
      *(uint8_t*)into = *(const volatile uint8_t*)from;
      break;
    case 2:
      *(uint16_t*)into = *(const volatile uint16_t*)from;
      break;
    case 4:
      *(uint32_t*)into = *(const volatile uint32_t*)from;
      break;
    default:
      *(uint64_t*)into = *(const volatile uint64_t*)from;
      break;
  }
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: bar_access /sys/bus/pci/devices/ADDRESS/resource0\n");
    return 2;
  }
  int file = open(argv[1], O_RDWR);
  void* mapped = file < 0
                     ? MAP_FAILED
                     : mmap(NULL, MOCK_ACCEL_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) {
    perror(argv[1]);
    return 1;
  }
  const volatile uint8_t* registers = mapped;

  uint8_t bytes[kArea + 8];
  for (unsigned at = 0; at < sizeof(bytes); ++at) read_bytes(registers, at, 1, &bytes[at]);
  unsigned accesses = 0;
  for (unsigned width = 2; width <= 8; width *= 2) {
    for (unsigned at = 0; at < kArea; ++at, ++accesses) {
      uint8_t wide[8] = {0};
      read_bytes(registers, at, width, wide);
      if (memcmp(wide, &bytes[at], width) != 0) {
        fprintf(stderr, "bar_access: %u bytes at 0x%x differ from single ones\n", width, at);
        return 1;
      }
    }
  }
  for (unsigned at = 0; at < 0x18; ++at) printf("%02x", bytes[at]);
  printf(" %u accesses\n", accesses);
  return 0;
}
