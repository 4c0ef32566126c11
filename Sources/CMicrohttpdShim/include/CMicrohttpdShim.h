// libmicrohttpd's variadic calls and unions, made plain.
#pragma once
#include <microhttpd.h>
#include <sys/socket.h>

typedef struct microhttpd_shim_options {
    int listen_socket;
    unsigned connection_limit;
    unsigned connection_limit_per_address;  // 0: none
    unsigned idle_timeout_seconds;
    size_t connection_memory;
    void *context;  // first argument of every callback
    MHD_AccessHandlerCallback on_request;
    void *(*on_uri)(void *context, const char *uri, struct MHD_Connection *connection);
    MHD_RequestCompletedCallback on_completed;
    MHD_NotifyConnectionCallback on_connection;
    void (*on_message)(void *context, const char *message);
} microhttpd_shim_options;

/// A daemon with one epoll thread of its own; NULL when it cannot start. Paths and queries are left percent-encoded.
struct MHD_Daemon *microhttpd_shim_daemon_start(const microhttpd_shim_options *options);
/// The connection's socket, -1 when it has none.
int microhttpd_shim_connection_socket(struct MHD_Connection *connection);
