#include "CAllocationCounter.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)
#define COUNTS 1

/* Exported by glibc for programs that replace malloc, declared in no header. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

/* The initial-exec model lies in the thread's static block: the first touch of another model may itself allocate. */
#define OF_THIS_THREAD static _Thread_local __attribute__((tls_model("initial-exec")))
OF_THIS_THREAD bool is_counting;
OF_THIS_THREAD uint64_t allocations;

static inline void count_one(void) {
    if (is_counting) allocations++;
}

void *malloc(size_t size) {
    count_one();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    count_one();
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    count_one();
    return __libc_realloc(memory, size);
}

void free(void *memory) { __libc_free(memory); }

void *memalign(size_t alignment, size_t size) {
    count_one();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    count_one();
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0) return EINVAL;
    count_one();
    int before = errno; /* posix_memalign answers its error and leaves errno alone */
    void *found = __libc_memalign(alignment, size);
    errno = before;
    if (!found) return ENOMEM;
    *memory = found;
    return 0;
}
#endif

bool allocation_counter_is_available(void) {
#ifdef COUNTS
    return true;
#else
    return false;
#endif
}

void allocation_counter_start(void) {
#ifdef COUNTS
    allocations = 0;
    is_counting = true;
#endif
}

uint64_t allocation_counter_stop(void) {
#ifdef COUNTS
    uint64_t found = is_counting ? allocations : 0;
    is_counting = false;
    return found;
#else
    return 0;
#endif
}
