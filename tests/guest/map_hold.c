// SPDX-License-Identifier: Apache-2.0
// Maps memory of a device and works through the map while the device goes away: the map stays, and
// the file says that the device is gone.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock_accel.h"

static const char kText[] = "still there";

// Has the engine fill memory until it does not any more. Gives why.
static int fill_until_it_ends(int file, const struct mock_accel_buffer* buffer) {
  while (1) {
    struct mock_accel_work work = {.operation = MOCK_ACCEL_OP_FILL,
                                   .length = buffer->size / 2,
                                   .destination = buffer->offset + buffer->size / 2};
    if (ioctl(file, MOCK_ACCEL_IOC_SUBMIT, &work) < 0) return errno;
    struct mock_accel_wait wait = {.id = work.id, .timeout_ms = -1};
    if (ioctl(file, MOCK_ACCEL_IOC_WAIT, &wait) < 0) return errno;
  }
}

// Says "mapped", then what ended the work and what is in memory, and ends.
int main(int argc, char** argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: map_hold /dev/mockN\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  const int file = open(argv[1], O_RDWR);
  struct mock_accel_buffer buffer = {.size = 1 << 20};
  if (file < 0 || ioctl(file, MOCK_ACCEL_IOC_BUFFER, &buffer) < 0) {
    perror(argv[1]);
    return 1;
  }
  char* const bytes =
      mmap(NULL, buffer.size, PROT_READ | PROT_WRITE, MAP_SHARED, file, buffer.offset);
  if (bytes == MAP_FAILED) {
    perror("mmap");
    return 1;
  }
  strcpy(bytes, kText);
  printf("mapped\n");
  const int error = fill_until_it_ends(file, &buffer);
  // Pages that were never touched come only now.
  memset(bytes + buffer.size / 4, 1, buffer.size / 4);
  printf("%s, memory: %s\n", strerror(error), bytes);
  return error == ENODEV && strcmp(bytes, kText) == 0 ? 0 : 1;
}
