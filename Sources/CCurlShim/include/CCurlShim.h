// libcurl for Swift: its header, and its variadic calls by the type of their last argument.
#ifndef CCURL_SHIM_H
#define CCURL_SHIM_H

#include <curl/curl.h>

CURLcode curl_shim_easy_text_set(CURL *easy, CURLoption option, const char *text);
CURLcode curl_shim_easy_number_set(CURL *easy, CURLoption option, long number);
CURLcode curl_shim_easy_size_set(CURL *easy, CURLoption option, curl_off_t size);
CURLcode curl_shim_easy_pointer_set(CURL *easy, CURLoption option, void *pointer);
CURLcode curl_shim_easy_headers_set(CURL *easy, struct curl_slist *headers);
/// The answer's body goes to `write` with `context` as its last argument.
CURLcode curl_shim_easy_writer_set(
    CURL *easy, size_t (*write)(char *bytes, size_t size, size_t count, void *context), void *context);
/// The status of the answer, 0 when none came.
long curl_shim_easy_status(CURL *easy);
CURLMcode curl_shim_multi_number_set(CURLM *multi, CURLMoption option, long number);
/// How a finished transfer ended.
CURLcode curl_shim_message_result(const CURLMsg *message);

#endif
