#include <stdio.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "protocol/io/mqtt_mosquitto.h"
#include "protocol/io/tls_trust.h"

/* Suites with forward secrecy and AEAD; those of TLS 1.3 are not affected. */
#define TLS_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=2"

/* Without one, OpenSSL would ask for a passphrase on a terminal. */
static int no_passphrase(char *out, int size, int is_writing, void *context)
{
    (void)out;
    (void)size;
    (void)is_writing;
    (void)context;
    return 0;
}

/* Keep the reason of the first refusal: OpenSSL's own only says that there was
 * one.  Never turns a refusal into anything else. */
static int on_verify(int is_good, X509_STORE_CTX *store)
{
    const SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct attempt *attempt = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    int code = X509_STORE_CTX_get_error(store);

    if (is_good || attempt == NULL || attempt->text[0] != '\0')
        return is_good;
    if (code == X509_V_ERR_HOSTNAME_MISMATCH ||
        code == X509_V_ERR_IP_ADDRESS_MISMATCH)
        snprintf(attempt->text, sizeof(attempt->text),
                 "its certificate is for another name");
    else
        snprintf(attempt->text, sizeof(attempt->text),
                 "certificate verify failed: %s",
                 X509_verify_cert_error_string(code));
    return is_good;
}

/*
 * The library reads on while TLS has decrypted more than it asked for, and a
 * broker that never pauses would keep it there for ever.  So once a turn has
 * had its bytes, the socket looks empty.
 */
static long on_transfer(BIO *bio, int what, const char *data, size_t len,
                        int number, long more, int result, size_t *done)
{
    struct attempt *attempt = (struct attempt *)BIO_get_callback_arg(bio);

    (void)data;
    (void)len;
    (void)number;
    (void)more;
    if (what == BIO_CB_READ && attempt->readable_bytes == 0) {
        BIO_clear_retry_flags(bio);
        BIO_set_retry_read(bio);
        return -1;
    }
    if (what == (BIO_CB_READ | BIO_CB_RETURN) && result > 0)
        attempt->readable_bytes -=
            *done < attempt->readable_bytes ? *done : attempt->readable_bytes;
    return result;
}

/*
 * The library was given an address, since it would try only the first one of a
 * name, and names that to the server; put the name in its place before the
 * first byte is written.  An address is never named (RFC 6066, section 3).
 */
static void on_info(const SSL *ssl, int where, int code)
{
    struct attempt *attempt = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    ASN1_OCTET_STRING *address;
    SSL *own;

    (void)code;
    if ((where & SSL_CB_HANDSHAKE_START) == 0 || attempt == NULL)
        return;
    own = mosquitto_ssl_get(attempt->client);
    if (own != ssl)
        return;
    BIO_set_callback_arg(SSL_get_rbio(own), (char *)attempt);
    BIO_set_callback_ex(SSL_get_rbio(own), on_transfer);
    address = a2i_IPADDRESS(attempt->link->uri.host);
    (void)SSL_set_tlsext_host_name(
        own, address != NULL ? NULL : attempt->link->uri.host);
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
}

static enum lastcall_status refuse(char *detail, const char *path,
                                   const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    snprintf(detail, MQTT_DETAIL_SIZE, "%.120s: %s (%.60s)", path, what,
             reason != NULL ? reason : "no reason given");
    return LASTCALL_E_CONFIG;
}

/* Whom to trust, and for which name. */
static enum lastcall_status
set_trust(SSL_CTX *context, const struct mqtt_link *link, char *detail)
{
    X509_VERIFY_PARAM *wanted = SSL_CTX_get0_param(context);
    const char *ca = link->options.ca;
    enum lastcall_status status;

    if (ca != NULL && SSL_CTX_load_verify_file(context, ca) != 1)
        return refuse(detail, ca, "not a PEM file of certificates");
    if (ca == NULL) {
        status = tls_trust_system(context);
        if (status != LASTCALL_OK) {
            snprintf(detail, MQTT_DETAIL_SIZE,
                     "the system's certificates cannot be read; name a file "
                     "of them with ca");
            return status;
        }
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_verify);
    if (X509_VERIFY_PARAM_set1_ip_asc(wanted, link->uri.host) != 1 &&
        X509_VERIFY_PARAM_set1_host(wanted, link->uri.host, 0) != 1)
        return LASTCALL_E_NOMEM;
    ERR_clear_error(); /* a name is no address */
    return LASTCALL_OK;
}

/* What we prove ourselves with. */
static enum lastcall_status
set_identity(SSL_CTX *context, const struct mqtt_options *options, char *detail)
{
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (options->cert != NULL &&
        SSL_CTX_use_certificate_chain_file(context, options->cert) != 1)
        return refuse(detail, options->cert, "not a PEM certificate");
    if (options->cert_key != NULL &&
        SSL_CTX_use_PrivateKey_file(context, options->cert_key,
                                    SSL_FILETYPE_PEM) != 1)
        return refuse(detail, options->cert_key,
                      "not the certificate's PEM key, without a passphrase");
    return LASTCALL_OK;
}

enum lastcall_status mqtt_mosquitto_tls_new(const struct mqtt_link *link,
                                            struct attempt *attempt,
                                            struct ssl_ctx_st **out,
                                            char detail[MQTT_DETAIL_SIZE])
{
    enum lastcall_status status = LASTCALL_E_NOMEM;
    SSL_CTX *context;

    *out = NULL;
    ERR_clear_error();
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_app_data(context, attempt) != 1 ||
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(context, TLS_CIPHERS) != 1)
        goto out;
    SSL_CTX_set_info_callback(context, on_info);
    status = set_trust(context, link, detail);
    if (status == LASTCALL_OK)
        status = set_identity(context, &link->options, detail);

out:
    if (status == LASTCALL_OK)
        *out = context;
    else
        SSL_CTX_free(context);
    ERR_clear_error();
    return status;
}

void mqtt_mosquitto_tls_free(struct ssl_ctx_st *context)
{
    SSL_CTX_free(context);
}

struct mqtt_mosquitto_tls mqtt_mosquitto_tls_of(struct mosquitto *client)
{
    struct mqtt_mosquitto_tls out = {0};
    const SSL *ssl = mosquitto_ssl_get(client);

    if (ssl == NULL)
        return out;
    out.is_shaking = SSL_is_init_finished(ssl) == 0;
    out.wants_write = SSL_want_write(ssl);
    /* Where the peer resets the connection during the handshake, the library
     * goes on as if it had to wait (net__socket_connect_tls()). */
    out.is_broken = out.is_shaking && BIO_should_retry(SSL_get_rbio(ssl)) == 0;
    out.has_more = SSL_pending(ssl) > 0;
    return out;
}
