// SPDX-License-Identifier: Apache-2.0
// Does something again and again and has the kernel fail another of its allocations each time: the
// first, the second and so on, until it is done without any failure. The kernel must have fault
// injection. Says how many failures there were and how often the whole was refused because of it.
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mock_accel.h"

enum { kMost = 20000 };

static int fail_file;

static void give_up(const char* what) {
  perror(what);
  exit(1);
}

static void set_fail_nth(unsigned nth) {
  char text[16];
  const int size = snprintf(text, sizeof(text), "%u", nth);
  int written = pwrite(fail_file, text, size, 0);
  // This copy may be the one whose turn it is to fail; then none is any more.
  if (written < 0 && errno == EFAULT) written = pwrite(fail_file, text, size, 0);
  if (written != size) give_up("fail_nth: fail-nth");
}

// Whether the failure that was asked for has come.
static bool has_failed(void) {
  char text[16] = "";
  if (pread(fail_file, text, sizeof(text) - 1, 0) > 0) return atoi(text) == 0;
  // It was left for this very copy.
  if (errno != EFAULT) give_up("fail_nth: fail-nth");
  return false;
}

static void open_fail_nth(void) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/task/%ld/fail-nth", (long)syscall(SYS_gettid));
  fail_file = open(path, O_RDWR);
  if (fail_file < 0) give_up(path);
}

// Each returns 0 or an errno.

static int write_text(const char* path, const char* text) {
  const int file = open(path, O_WRONLY);
  const int error = file < 0 || write(file, text, strlen(text)) < 0 ? errno : 0;
  if (file >= 0) close(file);
  return error;
}

static int use_buffer(int file, const struct mock_accel_buffer* buffer) {
  char* const bytes =
      mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, buffer->offset);
  if (bytes == MAP_FAILED) return errno;
  munmap(bytes, buffer->size);

  struct mock_accel_work work = {
      .operation = MOCK_ACCEL_OP_FILL, .length = buffer->size, .destination = buffer->offset};
  if (ioctl(file, MOCK_ACCEL_IOC_SUBMIT, &work) < 0) return errno;
  struct mock_accel_wait wait = {.id = work.id, .timeout_ms = 60000};
  if (ioctl(file, MOCK_ACCEL_IOC_WAIT, &wait) < 0) return errno;
  return wait.status == MOCK_ACCEL_DONE_OK ? 0 : EIO;
}

static int use_file(int file) {
  struct mock_accel_info info;
  if (ioctl(file, MOCK_ACCEL_IOC_INFO, &info) < 0) return errno;
  const int event = eventfd(0, EFD_CLOEXEC);
  if (event < 0) return errno;
  struct mock_accel_buffer buffer = {.size = 65536};
  struct mock_accel_passphrase passphrase = {.words = MOCK_ACCEL_PASSPHRASE_MIN_WORDS};
  int error = 0;
  if (ioctl(file, MOCK_ACCEL_IOC_EVENTFD, &event) < 0 ||
      ioctl(file, MOCK_ACCEL_IOC_PASSPHRASE, &passphrase) < 0 ||
      ioctl(file, MOCK_ACCEL_IOC_BUFFER, &buffer) < 0) {
    error = errno;
  } else {
    error = use_buffer(file, &buffer);
  }
  close(event);
  return error;
}

static int use_device(const char* path) {
  const int file = open(path, O_RDWR);
  if (file < 0) return errno;
  const int error = use_file(file);
  close(file);
  return error;
}

struct task {
  const char* path;
  const char* text;       // written to the path; NULL: the path is a device to be used
  const char* undo_path;  // NULL: nothing to undo
  const char* undo_text;
  unsigned stride;
};

static int do_task(const struct task* task) {
  return task->text ? write_text(task->path, task->text) : use_device(task->path);
}

static int run(const struct task* task) {
  unsigned failures = 0;
  unsigned refusals = 0;
  for (unsigned nth = 1; nth < kMost; nth += task->stride) {
    set_fail_nth(nth);
    const int error = do_task(task);
    const bool failed = has_failed();
    set_fail_nth(0);
    if (!failed && error) {
      fprintf(stderr, "fail_nth: without any failure: %s\n", strerror(error));
      return 1;
    }
    // Also of what was refused: then it says so itself.
    if (task->undo_path) write_text(task->undo_path, task->undo_text);
    if (!failed) {
      printf("%u failures, refused %u times\n", failures, refusals);
      return 0;
    }
    ++failures;
    if (error) ++refusals;
  }
  fprintf(stderr, "fail_nth: no end after %d allocations\n", kMost);
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 2 && argc != 6) {
    fprintf(stderr, "usage: fail_nth /dev/mockN | fail_nth PATH TEXT UNDO-PATH UNDO-TEXT STRIDE\n");
    return 2;
  }
  struct task task = {.path = argv[1], .stride = 1};
  if (argc == 6) {
    task.text = argv[2];
    task.undo_path = argv[3];
    task.undo_text = argv[4];
    task.stride = (unsigned)atoi(argv[5]);
  }
  open_fail_nth();
  return run(&task);
}
