#include "CCurlShim.h"

CURLcode curl_shim_easy_text_set(CURL *easy, CURLoption option, const char *text) {
    return curl_easy_setopt(easy, option, text);
}

CURLcode curl_shim_easy_number_set(CURL *easy, CURLoption option, long number) {
    return curl_easy_setopt(easy, option, number);
}

CURLcode curl_shim_easy_size_set(CURL *easy, CURLoption option, curl_off_t size) {
    return curl_easy_setopt(easy, option, size);
}

CURLcode curl_shim_easy_pointer_set(CURL *easy, CURLoption option, void *pointer) {
    return curl_easy_setopt(easy, option, pointer);
}

CURLcode curl_shim_easy_headers_set(CURL *easy, struct curl_slist *headers) {
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
}

CURLcode curl_shim_easy_writer_set(
    CURL *easy, size_t (*write)(char *bytes, size_t size, size_t count, void *context), void *context) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write);
    return code == CURLE_OK ? curl_easy_setopt(easy, CURLOPT_WRITEDATA, context) : code;
}

long curl_shim_easy_status(CURL *easy) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

CURLMcode curl_shim_multi_number_set(CURLM *multi, CURLMoption option, long number) {
    return curl_multi_setopt(multi, option, number);
}

CURLcode curl_shim_message_result(const CURLMsg *message) { return message->data.result; }
