#ifndef C_ALLOCATION_COUNTER_H
#define C_ALLOCATION_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Counts the allocations of one thread, for the allocation gate.
 *
 * A program that links this target has malloc and its kin replaced: they do the C library's work and, on a thread that
 * has asked for it, count. Works with glibc and without sanitizers, which replace malloc themselves.
 */

/* Whether anything is counted at all. A gate that finds false must fail, not pass. */
bool allocation_counter_is_available(void);

/* From here on the calling thread's allocations are counted, from 0. Threads do not see each other's. */
void allocation_counter_start(void);

/* Ends the counting of the calling thread; answers how often it allocated since the start (malloc, calloc, realloc,
 * posix_memalign, aligned_alloc, memalign). 0 when it was not started. */
uint64_t allocation_counter_stop(void);

#endif
