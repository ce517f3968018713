// SPDX-License-Identifier: Apache-2.0
// Throws whatever comes to mind at a device's node: any ioctl with any bytes, works that overlap,
// maps that outlive their files, files closed in the midst of work, signals. Survived is: every
// call returned, and the engine then does a work as it should.
//
// Same seed, same calls of each thread; how the threads mix is up to the machine.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock_accel.h"

enum {
  kThreads = 4,
  kFiles = 8,  // open at a time, used by all threads
  kMaps = 16,  // of each thread
  kMaxArgument = 4096,
  kSignalEveryUs = 50000,
  kPatienceS = 60,  // for threads to end: closing a file waits for its works
};

static const char* path;
static atomic_int files[kFiles];  // -1: closed
static atomic_bool done;
static atomic_long calls, successes;

struct map {
  void* at;
  size_t size;
};

struct fuzzer {
  uint64_t random;
  uint8_t* page;      // a page that can be written, before one that can't be touched
  uint8_t* constant;  // one that can be read only
  struct map maps[kMaps];
};

// splitmix64
static uint64_t next(struct fuzzer* fuzzer) {
  uint64_t mixed = fuzzer->random += 0x9e3779b97f4a7c15;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

static uint64_t below(struct fuzzer* fuzzer, uint64_t bound) { return next(fuzzer) % bound; }

static bool once_in(struct fuzzer* fuzzer, unsigned n) { return below(fuzzer, n) == 0; }

static int some_file(struct fuzzer* fuzzer) { return files[below(fuzzer, kFiles)]; }

static int count(int outcome) {
  ++calls;
  if (outcome >= 0) ++successes;
  return outcome;
}

static int call(struct fuzzer* fuzzer, unsigned long command, void* argument) {
  return count(ioctl(some_file(fuzzer), command, argument));
}

// Mostly one that makes sense, else a limit or just bits.
static uint64_t number(struct fuzzer* fuzzer, uint64_t sensible) {
  static const uint64_t kLimits[] = {0,         1,          4095,      4096,
                                     INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
  switch (below(fuzzer, 16)) {
    case 0:
      return kLimits[below(fuzzer, sizeof(kLimits) / sizeof(*kLimits))];
    case 1:
      return next(fuzzer) >> below(fuzzer, 64);
    default:
      return below(fuzzer, sensible);
  }
}

static uint64_t address(struct fuzzer* fuzzer) {
  uint64_t buffer = below(fuzzer, MOCK_ACCEL_MAX_BUFFERS / 4);
  return buffer * MOCK_ACCEL_MAX_BUFFER + number(fuzzer, 0x4000);
}

static void reopen(struct fuzzer* fuzzer) {
  static const int kModes[] = {O_RDWR, O_RDWR | O_NONBLOCK, O_RDONLY};
  int mode = kModes[below(fuzzer, sizeof(kModes) / sizeof(*kModes))];
  int old = atomic_exchange(&files[below(fuzzer, kFiles)], count(open(path, mode | O_CLOEXEC)));
  if (old >= 0) close(old);
}

static void make_buffer(struct fuzzer* fuzzer) {
  struct mock_accel_buffer buffer = {.size = number(fuzzer, 0x20000), .offset = next(fuzzer)};
  call(fuzzer, MOCK_ACCEL_IOC_BUFFER, &buffer);
}

static void submit(struct fuzzer* fuzzer) {
  struct mock_accel_work work = {
      .operation = number(fuzzer, MOCK_ACCEL_OP_CRC32C + 1),
      .flags = number(fuzzer, 4),
      .length = number(fuzzer, 0x8000),
      .source = address(fuzzer),
      .destination = address(fuzzer),
      .operand = next(fuzzer),
      .id = next(fuzzer),
  };
  // What is written to the device's memory takes that of the host.
  if (work.length <= MOCK_ACCEL_MAX_LENGTH) work.length %= 0x100000;
  call(fuzzer, MOCK_ACCEL_IOC_SUBMIT, &work);
}

static void await(struct fuzzer* fuzzer) {
  struct mock_accel_wait wait = {
      .id = once_in(fuzzer, 2) ? 0 : number(fuzzer, 1000),
      .timeout_ms = number(fuzzer, 20),
      .status = next(fuzzer),
  };
  call(fuzzer, MOCK_ACCEL_IOC_WAIT, &wait);
}

static void signal_eventfd(struct fuzzer* fuzzer) {
  int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int32_t choice = once_in(fuzzer, 4) ? -1 : event;
  if (once_in(fuzzer, 8)) choice = number(fuzzer, 64);
  call(fuzzer, MOCK_ACCEL_IOC_EVENTFD, &choice);
  if (event >= 0) close(event);
}

static void make_passphrase(struct fuzzer* fuzzer) {
  struct mock_accel_passphrase passphrase = {.words = number(fuzzer, 16),
                                             .reserved = once_in(fuzzer, 8)};
  call(fuzzer, MOCK_ACCEL_IOC_PASSPHRASE, &passphrase);
}

static void poll_file(struct fuzzer* fuzzer) {
  struct pollfd poller = {.fd = some_file(fuzzer), .events = POLLIN | POLLOUT};
  count(poll(&poller, 1, below(fuzzer, 5)));
}

static void* some_pointer(struct fuzzer* fuzzer) {
  switch (below(fuzzer, 6)) {
    case 0:
      return NULL;
    case 1:
      return (void*)(uintptr_t)next(fuzzer);
    case 2:
      return fuzzer->constant;
    default:  // As often as not, its end can't be touched.
      return fuzzer->page + kMaxArgument - below(fuzzer, 2 * sizeof(struct mock_accel_passphrase));
  }
}

static void call_anything(struct fuzzer* fuzzer) {
  unsigned command = next(fuzzer);
  for (unsigned i = 0; i < kMaxArgument; i += 8)
    *(uint64_t*)(fuzzer->page + i) = once_in(fuzzer, 2) ? number(fuzzer, 32) : next(fuzzer);
  if (!once_in(fuzzer, 4))
    command = _IOC(below(fuzzer, 4), MOCK_ACCEL_IOC_MAGIC, below(fuzzer, 8), below(fuzzer, 512));
  if (once_in(fuzzer, 2)) {
    static const unsigned kCommands[] = {MOCK_ACCEL_IOC_INFO,    MOCK_ACCEL_IOC_BUFFER,
                                         MOCK_ACCEL_IOC_SUBMIT,  MOCK_ACCEL_IOC_WAIT,
                                         MOCK_ACCEL_IOC_EVENTFD, MOCK_ACCEL_IOC_PASSPHRASE};
    command = kCommands[below(fuzzer, sizeof(kCommands) / sizeof(*kCommands))];
  }
  call(fuzzer, command, some_pointer(fuzzer));
}

// Writes into the first page, for the engine to find, and leaves the map for a while.
static void map_something(struct fuzzer* fuzzer) {
  struct map* map = &fuzzer->maps[below(fuzzer, kMaps)];
  if (map->at) munmap(map->at, map->size);
  map->size = 1 + number(fuzzer, 0x10000) % (2 * MOCK_ACCEL_MAX_BUFFER);
  off_t offset = address(fuzzer) & ~0xfffULL & INT64_MAX;
  int flags = once_in(fuzzer, 8) ? MAP_PRIVATE : MAP_SHARED;
  map->at = mmap(NULL, map->size, PROT_READ | PROT_WRITE, flags, some_file(fuzzer), offset);
  count(map->at == MAP_FAILED ? -1 : 0);
  if (map->at == MAP_FAILED)
    map->at = NULL;
  else
    memset(map->at, (int)next(fuzzer), map->size < 4096 ? map->size : 4096);
}

static void* fuzz(void* argument) {
  static void (*const kMoves[])(struct fuzzer*) = {
      submit,      submit,         submit,          await,     await,         call_anything,
      make_buffer, signal_eventfd, make_passphrase, poll_file, map_something,
  };
  struct fuzzer* fuzzer = argument;
  while (!done) {
    kMoves[below(fuzzer, sizeof(kMoves) / sizeof(*kMoves))](fuzzer);
    if (once_in(fuzzer, 100)) reopen(fuzzer);
  }
  return NULL;
}

static void fail(const char* what) {
  fprintf(stderr, "ioctl_fuzz: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void prepare(struct fuzzer* fuzzer, uint64_t seed) {
  fuzzer->random = seed;
  fuzzer->page = mmap(NULL, 2 * kMaxArgument, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  fuzzer->constant = mmap(NULL, kMaxArgument, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (fuzzer->page == MAP_FAILED || fuzzer->constant == MAP_FAILED ||
      mprotect(fuzzer->page + kMaxArgument, kMaxArgument, PROT_NONE))
    fail("memory");
}

static void ignore(int number) { (void)number; }

// Signals wake who waits for ever, and are a test of their own.
static void disturb(pthread_t* threads, long seconds) {
  for (long us = 0; us < seconds * 1000000; us += kSignalEveryUs) {
    usleep(kSignalEveryUs);
    pthread_kill(threads[(us / kSignalEveryUs) % kThreads], SIGUSR1);
  }
}

static void join(pthread_t thread) {
  for (long us = 0; us < kPatienceS * 1000000L; us += kSignalEveryUs) {
    if (pthread_tryjoin_np(thread, NULL) == 0) return;
    pthread_kill(thread, SIGUSR1);
    usleep(kSignalEveryUs);
  }
  errno = ETIMEDOUT;
  fail("a call does not return");
}

static void check_engine(void) {
  int file = open(path, O_RDWR);
  if (file < 0) fail(path);
  struct mock_accel_buffer buffer = {.size = 4096};
  if (ioctl(file, MOCK_ACCEL_IOC_BUFFER, &buffer)) fail("afterwards: buffer");
  uint64_t* words = mmap(NULL, buffer.size, PROT_READ | PROT_WRITE, MAP_SHARED, file,
                         (off_t)buffer.offset);
  if (words == MAP_FAILED) fail("afterwards: map");
  struct mock_accel_work work = {.operation = MOCK_ACCEL_OP_FILL, .length = buffer.size,
                                 .destination = buffer.offset, .operand = 0x0123456789abcdef};
  if (ioctl(file, MOCK_ACCEL_IOC_SUBMIT, &work)) fail("afterwards: work");
  struct mock_accel_wait wait = {.id = work.id, .timeout_ms = 10000};
  if (ioctl(file, MOCK_ACCEL_IOC_WAIT, &wait)) fail("afterwards: wait");
  errno = EIO;
  if (wait.status != MOCK_ACCEL_DONE_OK) fail("afterwards: status");
  for (unsigned i = 0; i < buffer.size / sizeof(*words); ++i)
    if (words[i] != work.operand) fail("afterwards: memory");
}

int main(int argc, char** argv) {
  long seconds = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
  if (seconds <= 0) {
    fprintf(stderr, "usage: ioctl_fuzz /dev/mockN SECONDS SEED\n");
    return 2;
  }
  path = argv[1];
  uint64_t seed = strtoull(argv[3], NULL, 0);
  struct sigaction action = {.sa_handler = ignore};
  sigaction(SIGUSR1, &action, NULL);
  for (int i = 0; i < kFiles; ++i)
    if ((files[i] = open(path, O_RDWR | O_CLOEXEC)) < 0) fail(path);

  static struct fuzzer fuzzers[kThreads];
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; ++i) {
    prepare(&fuzzers[i], seed * kThreads + i);
    if ((errno = pthread_create(&threads[i], NULL, fuzz, &fuzzers[i]))) fail("no thread");
  }
  disturb(threads, seconds);
  done = true;
  for (int i = 0; i < kThreads; ++i) join(threads[i]);
  for (int i = 0; i < kFiles; ++i)
    if (files[i] >= 0) close(files[i]);
  check_engine();
  printf("survived %ld calls, %ld of them with success\n", calls, successes);
  return 0;
}
