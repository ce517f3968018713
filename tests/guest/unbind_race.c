// SPDX-License-Identifier: Apache-2.0
// Takes a free device from its driver and gives it back, round after round, while threads read and
// write its attributes and use its node: each access works, or says that the device is not there.
// The device is free again afterwards.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mock_accel.h"

static const char kDriver[] = "/sys/bus/pci/drivers/mock-accel";
static const char kClaim[] = "33333333-3333-4333-8333-333333333333";
static const char* const kAttributes[] = {"uuid",  "health", "temperature",
                                          "owner", "status", "sriov_numvfs"};

static const char* name;
static atomic_bool done;
static atomic_long answers, refusals;

static void judge(int error, const char* what) {
  switch (error) {
    case 0:
      ++answers;
      return;
    case ENODEV:
    case ENOENT:
    case ENXIO:
      ++refusals;
      return;
    default:
      fprintf(stderr, "unbind_race: %s: %s\n", what, strerror(error));
      exit(1);
  }
}

static int open_attribute(const char* attribute, int flags) {
  char path[4096];
  snprintf(path, sizeof(path), "/sys/class/mock-accel/%s/%s", name, attribute);
  return open(path, flags);
}

static void* read_attributes(void* unused) {
  (void)unused;
  for (unsigned i = 0; !done; i = (i + 1) % (sizeof(kAttributes) / sizeof(*kAttributes))) {
    char text[256];
    int file = open_attribute(kAttributes[i], O_RDONLY);
    judge(file < 0 || read(file, text, sizeof(text)) < 0 ? errno : 0, kAttributes[i]);
    if (file >= 0) close(file);
  }
  return NULL;
}

static void* write_owner(void* unused) {
  (void)unused;
  for (unsigned i = 0; !done || i % 2; ++i) {
    const char* text = i % 2 ? "\n" : kClaim;
    int file = open_attribute("owner", O_WRONLY);
    judge(file < 0 || write(file, text, strlen(text)) < 0 ? errno : 0, "writing owner");
    if (file >= 0) close(file);
  }
  return NULL;
}

static void* use_node(void* unused) {
  (void)unused;
  char path[64];
  snprintf(path, sizeof(path), "/dev/%s", name);
  while (!done) {
    struct mock_accel_info info;
    int file = open(path, O_RDWR);
    judge(file < 0 ? errno : 0, path);
    for (int i = 0; file >= 0 && i < 50; ++i) {
      struct pollfd poller = {.fd = file};
      judge(ioctl(file, MOCK_ACCEL_IOC_INFO, &info) < 0 ? errno : 0, "ioctl");
      poll(&poller, 1, 0);
    }
    if (file >= 0) close(file);
  }
  return NULL;
}

static void tell_driver(const char* what, const char* address) {
  char path[4096];
  snprintf(path, sizeof(path), "%s/%s", kDriver, what);
  int file = open(path, O_WRONLY);
  if (file < 0 || write(file, address, strlen(address)) < 0) {
    fprintf(stderr, "unbind_race: %s: %s\n", path, strerror(errno));
    exit(1);
  }
  close(file);
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: unbind_race mockN PCI-ADDRESS ROUNDS\n");
    return 2;
  }
  name = argv[1];
  void* (*const jobs[])(void*) = {read_attributes, write_owner, use_node};
  enum { kJobs = sizeof(jobs) / sizeof(*jobs) };
  pthread_t threads[kJobs];
  for (int i = 0; i < kJobs; ++i) pthread_create(&threads[i], NULL, jobs[i], NULL);
  long rounds = strtol(argv[3], NULL, 10);
  for (long round = 0; round < rounds; ++round) {
    tell_driver("unbind", argv[2]);
    tell_driver("bind", argv[2]);
    usleep(20000);  // Leaves the threads some time with a device.
  }
  done = true;
  for (int i = 0; i < kJobs; ++i) pthread_join(threads[i], NULL);
  printf("%ld rounds: %ld answers, %ld refusals\n", rounds, answers, refusals);
  return 0;
}
