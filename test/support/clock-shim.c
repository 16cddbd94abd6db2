/*
 * Moves the wall clock of one process: preloaded, it adds to CLOCK_REALTIME what a mapped file says, which the parent
 * writes while the process runs. Every other clock stays as it is, so a history on CLOCK_MONOTONIC can be trusted.
 *
 * The file holds eight-byte numbers: which of the two settings below counts (0 or 1), and each setting as an offset in
 * ns, a rate in parts per million, and the time in ns from which the rate counts. The parent fills the setting that
 * does not count and then switches, so a reader never sees half of a change.
 *
 * It asks the kernel directly: the loader may call it before libc can look symbols up.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct setting { int64_t offset, ppm, since; };
struct shim { int64_t current; struct setting settings[2]; };

static const volatile struct shim *shim;

__attribute__((constructor)) static void map(void) {
  const char *path = getenv("CLOCK_SHIM");
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  void *mapped = mmap(NULL, sizeof *shim, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped != MAP_FAILED) shim = mapped;
  close(fd);
}

int clock_gettime(clockid_t id, struct timespec *out) {
  int result = syscall(SYS_clock_gettime, id, out);
  if (result != 0 || !shim || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return result;
  const volatile struct setting *now = &shim->settings[shim->current & 1];
  int64_t real = out->tv_sec * 1000000000LL + out->tv_nsec;
  int64_t moved = real + now->offset + (real - now->since) / 1000000 * now->ppm;
  out->tv_sec = moved / 1000000000LL;
  out->tv_nsec = moved % 1000000000LL;
  return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone) {
  (void)zone;
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  out->tv_sec = now.tv_sec;
  out->tv_usec = now.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
