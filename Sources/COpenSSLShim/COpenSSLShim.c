#include "COpenSSLShim.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/socket.h>

static BIO_METHOD *method;

static int descriptor_of(BIO *bio) { return (int)(intptr_t)BIO_get_data(bio); }

static int passing(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

static int bio_write(BIO *bio, const char *bytes, int count) {
    BIO_clear_retry_flags(bio);
    ssize_t taken = send(descriptor_of(bio), bytes, (size_t)count, MSG_NOSIGNAL);
    if (taken < 0 && passing(errno)) BIO_set_retry_write(bio);
    return (int)taken;
}

static int bio_read(BIO *bio, char *bytes, int count) {
    BIO_clear_retry_flags(bio);
    ssize_t given = recv(descriptor_of(bio), bytes, (size_t)count, 0);
    if (given < 0 && passing(errno)) BIO_set_retry_read(bio);
    if (given == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)given;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

static void prepare(void) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals");
    if (!method) return;
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_control);
    BIO_meth_set_create(method, bio_create);
}

BIO *openssl_shim_socket_bio(int descriptor) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
    BIO *bio = method ? BIO_new(method) : NULL;
    if (bio) BIO_set_data(bio, (void *)(intptr_t)descriptor);
    return bio;
}

int openssl_shim_minimum_version(SSL_CTX *context, int version) {
    return (int)SSL_CTX_set_min_proto_version(context, version);
}
long openssl_shim_partial_writes(SSL_CTX *context) {
    return SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}
int openssl_shim_server_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }
