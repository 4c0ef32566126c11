// What Glibc's Swift module leaves out: epoll, eventfd, thread names, the standard error stream's descriptor.
#pragma once
#include <spawn.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/// epoll_create1(EPOLL_CLOEXEC).
int system_shim_epoll_create(void);
/// Adds a descriptor with a token that comes back with each event; 0 or -1 with errno.
int system_shim_epoll_add(int epoll, int descriptor, uint32_t events, uint64_t token);
int system_shim_epoll_modify(int epoll, int descriptor, uint32_t events, uint64_t token);
int system_shim_epoll_remove(int epoll, int descriptor);
/// Waits at most timeout_ms (-1: for ever); fills tokens and events; the number of them, or -1 with errno.
int system_shim_epoll_wait(int epoll, uint64_t *tokens, uint32_t *events, int capacity, int timeout_ms);
/// A non-blocking, close-on-exec event counter.
int system_shim_eventfd_create(void);
/// Makes the counter readable.
void system_shim_eventfd_signal(int descriptor);
/// Takes the counter back to zero.
void system_shim_eventfd_drain(int descriptor);
/// Names the calling thread (15 bytes are kept).
void system_shim_thread_name(const char *name);
/// Signals that come from now on are one byte each, their number, in a pipe; its read end (blocking, close-on-exec), or
/// -1 with errno. A handler rather than a mask: it works whatever threads there are. They are
/// unblocked for the calling thread. Once a process.
int system_shim_signals_watch(const int *signals, int count);
/// Starts `path` with arguments and environment (both end with NULL), output and errors in `output`, no input, signals
/// as at a program's start, in a process group of its own. The kernel kills it when the thread that called this ends:
/// call it on the main thread. Returns the process id, or -1 with the errno of what failed, exec included.
int system_shim_spawn(const char *path, char *const *arguments, char *const *environment, int output);
/// glibc's own additions to posix_spawn, which Swift does not see: close every descriptor from `first` on, and change the
/// folder.
int system_shim_spawn_close_from(posix_spawn_file_actions_t *actions, int first);
int system_shim_spawn_change_folder(posix_spawn_file_actions_t *actions, const char *path);
