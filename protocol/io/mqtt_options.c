#include <stdio.h>
#include <string.h>

#include "protocol/io/mqtt.h"
#include "protocol/io/platform.h"

#define PEM_BYTES_MAX ((size_t)1024 * 1024)

/* Files that cannot be used are found here, not at every connect. */
static enum lastcall_status check_pem(const char *path,
                                      enum file_secrecy secrecy, char *detail)
{
    enum lastcall_status status;
    struct platform_error error;
    struct bytes file;

    if (path == NULL)
        return LASTCALL_OK;
    status = platform_read_file(path, secrecy, PEM_BYTES_MAX, &file, &error);
    bytes_deinit(&file);
    if (status == LASTCALL_OK)
        return LASTCALL_OK;
    snprintf(detail, MQTT_DETAIL_SIZE, "%.*s", MQTT_DETAIL_SIZE - 1,
             error.text);
    return LASTCALL_E_CONFIG;
}

const char *mqtt_content_type(const struct mqtt_options *options)
{
    if (options->content_type == NULL)
        return MQTT_CONTENT_TYPE;
    return options->content_type[0] == '\0' ? NULL : options->content_type;
}

enum lastcall_status mqtt_options_check(const struct mqtt_options *options,
                                        struct mqtt_uri *uri,
                                        char detail[MQTT_DETAIL_SIZE])
{
    enum lastcall_status status = mqtt_uri_parse(options->uri, uri, detail);

    if (status == LASTCALL_OK && !uri->is_tls)
        return LASTCALL_OK;
    /* paho 1.3.12 compares the certificate with the address in its brackets,
     * which never fits. */
    if (status == LASTCALL_OK && strchr(uri->host, ':') != NULL) {
        snprintf(detail, MQTT_DETAIL_SIZE,
                 "%.100s: no certificate can be checked against an IPv6 "
                 "address; write its name",
                 options->uri);
        status = LASTCALL_E_CONFIG;
    }
    if (status == LASTCALL_OK)
        status = check_pem(options->ca, FILE_GUARDED, detail);
    if (status == LASTCALL_OK)
        status = check_pem(options->cert, FILE_PUBLIC, detail);
    if (status == LASTCALL_OK)
        status = check_pem(options->cert_key, FILE_SECRET, detail);
    return status;
}
