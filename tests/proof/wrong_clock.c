/* Preloaded, it sets the wall clock of one process wrong by WRONG_CLOCK_S seconds; monotonic clocks stay.

   libfaketime does not do here: librdkafka waits by cnd_timedwait, which it does not shift back, and so for an hour. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>

static long offset(void) {
    static long seconds, known;
    if (!known) {
        const char *text = getenv("WRONG_CLOCK_S");
        seconds = text ? atol(text) : 0;
        known = 1;
    }
    return seconds;
}

/* Deadlines on the wall clock are since 1970; those on the monotonic clock, since the machine started, stay. */
static struct timespec shifted(const struct timespec *deadline) {
    struct timespec right = *deadline;
    if (right.tv_sec > 1000000000) right.tv_sec -= offset();
    return right;
}

#define REAL(name, ...) ((int (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = REAL("clock_gettime", clockid_t, struct timespec *);
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) now->tv_sec += offset();
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *into) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (into) *into = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *now, int base) {
    clock_gettime(CLOCK_REALTIME, now);
    return base;
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict deadline) {
    struct timespec right = shifted(deadline);
    return REAL("cnd_timedwait", cnd_t *, mtx_t *, const struct timespec *)(condition, mutex, &right);
}

int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict deadline) {
    struct timespec right = shifted(deadline);
    return REAL("pthread_cond_timedwait", pthread_cond_t *, pthread_mutex_t *, const struct timespec *)(
        condition, mutex, &right);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict deadline) {
    struct timespec right = shifted(deadline);
    return REAL("sem_timedwait", sem_t *, const struct timespec *)(semaphore, &right);
}
