// SPDX-License-Identifier: Apache-2.0
// Two writers race for a device's owner, round after round: exactly one must win each.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kWriters = 2, kUuidSize = 36 };

static const char* const kClaims[kWriters] = {
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
};

static char owner_path[4096];
static long rounds;
static pthread_barrier_t start, finish;

struct writer {
  const char* claim;
  int outcome;  // errno of its last write, 0: it won
  long wins;
};

static void fail(const char* what, long round) {
  fprintf(stderr, "owner_race: round %ld: %s\n", round, what);
  exit(1);
}

static int write_owner(const char* text) {
  int file = open(owner_path, O_WRONLY);
  if (file < 0) return errno;
  int outcome = write(file, text, strlen(text)) < 0 ? errno : 0;
  close(file);
  return outcome;
}

static bool owner_is(const char* claim) {
  char text[kUuidSize + 1] = "";
  int file = open(owner_path, O_RDONLY);
  bool same = file >= 0 && read(file, text, sizeof(text)) == (ssize_t)sizeof(text) &&
              strncmp(text, claim, kUuidSize) == 0;
  if (file >= 0) close(file);
  return same;
}

static void* race(void* argument) {
  struct writer* writer = argument;
  for (long round = 0; round < rounds; ++round) {
    pthread_barrier_wait(&start);
    writer->outcome = write_owner(writer->claim);
    pthread_barrier_wait(&finish);
  }
  return NULL;
}

static void judge(struct writer* writers, long round) {
  struct writer* winner = NULL;
  for (int i = 0; i < kWriters; ++i) {
    if (writers[i].outcome == 0 && winner) fail("two writers won", round);
    if (writers[i].outcome == 0) winner = &writers[i];
    if (writers[i].outcome != 0 && writers[i].outcome != EBUSY)
      fail(strerror(writers[i].outcome), round);
  }
  if (!winner) fail("nobody won", round);
  if (!owner_is(winner->claim)) fail("the owner is not the one who won", round);
  ++winner->wins;
}

int main(int argc, char** argv) {
  if (argc != 3 || (rounds = strtol(argv[2], NULL, 10)) <= 0) {
    fprintf(stderr, "usage: owner_race /sys/class/mock-accel/mockN ROUNDS\n");
    return 2;
  }
  snprintf(owner_path, sizeof(owner_path), "%s/owner", argv[1]);
  pthread_barrier_init(&start, NULL, kWriters + 1);
  pthread_barrier_init(&finish, NULL, kWriters + 1);

  struct writer writers[kWriters];
  pthread_t threads[kWriters];
  for (int i = 0; i < kWriters; ++i) {
    writers[i] = (struct writer){.claim = kClaims[i]};
    if (pthread_create(&threads[i], NULL, race, &writers[i])) fail("no thread", 0);
  }
  for (long round = 0; round < rounds; ++round) {
    if (write_owner("\n")) fail("cannot free the device", round);
    pthread_barrier_wait(&start);
    pthread_barrier_wait(&finish);
    judge(writers, round);
  }
  for (int i = 0; i < kWriters; ++i) pthread_join(threads[i], NULL);
  if (write_owner("\n")) fail("cannot free the device", rounds);
  printf("%ld rounds, one winner each: %ld and %ld\n", rounds, writers[0].wins, writers[1].wins);
  return 0;
}
