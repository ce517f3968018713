// SPDX-License-Identifier: Apache-2.0
// Holds a device node open while its device goes away, and says what the open file then gives.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mock_accel.h"

static int say_info(int file) {
  struct mock_accel_info info;
  if (ioctl(file, MOCK_ACCEL_IOC_INFO, &info) < 0) return errno;
  printf("uuid ");
  for (unsigned i = 0; i < sizeof(info.uuid); ++i) printf("%02x", info.uuid[i]);
  printf(" memory %llu abi %u capabilities 0x%x function 0x%x numa %d\n",
         (unsigned long long)info.memory_size, info.abi_version, info.capabilities, info.function,
         info.numa_node);
  return 0;
}

// Says what the device is, then waits until it is removed, says "removed: " and what the same
// question gives now, and keeps the file open until a signal ends the program.
int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: open_hold /dev/mockN\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  int file = open(argv[1], O_RDWR);
  if (file < 0) {
    perror(argv[1]);
    return 1;
  }
  int error = say_info(file);
  if (error) {
    fprintf(stderr, "%s: %s\n", argv[1], strerror(error));
    return 1;
  }
  struct pollfd poller = {.fd = file};
  while (poll(&poller, 1, -1) < 1 || !(poller.revents & POLLHUP)) {
  }
  error = say_info(file);
  printf("removed: %s\n", error ? strerror(error) : "still answers");
  pause();
}
