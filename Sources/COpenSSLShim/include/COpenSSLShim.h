#pragma once
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/// A BIO over a socket that it does not own. OpenSSL's own one writes without MSG_NOSIGNAL, so that a closed peer would
/// end the process.
BIO *openssl_shim_socket_bio(int descriptor);
// What OpenSSL has as macros only.
int openssl_shim_minimum_version(SSL_CTX *context, int version);
long openssl_shim_partial_writes(SSL_CTX *context);
int openssl_shim_server_name(SSL *ssl, const char *name);
