#include "CMicrohttpdShim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/// libmicrohttpd formats with a va_list, which Swift cannot read.
static void format_message(void *context, const char *format, va_list arguments) {
    const microhttpd_shim_options *options = context;
    char message[256];
    vsnprintf(message, sizeof message, format, arguments);
    options->on_message(options->context, message);
}

/// Leaves the text as it came: an escaped NUL would end it early.
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text) {
    (void)context;
    (void)connection;
    return strlen(text);
}

struct MHD_Daemon *microhttpd_shim_daemon_start(const microhttpd_shim_options *options) {
    return MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, options->on_request, options->context,
        MHD_OPTION_EXTERNAL_LOGGER, format_message, (void *)options,
        MHD_OPTION_LISTEN_SOCKET, options->listen_socket,
        MHD_OPTION_CONNECTION_LIMIT, options->connection_limit,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, options->connection_limit_per_address,
        MHD_OPTION_CONNECTION_TIMEOUT, options->idle_timeout_seconds,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, options->connection_memory,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, options->on_uri, options->context,
        MHD_OPTION_NOTIFY_COMPLETED, options->on_completed, options->context,
        MHD_OPTION_NOTIFY_CONNECTION, options->on_connection, options->context,
        MHD_OPTION_END);
}

int microhttpd_shim_connection_socket(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info ? info->connect_fd : -1;
}
