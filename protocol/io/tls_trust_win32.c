#include <winsock2.h>

#include <windows.h>

#include <wincrypt.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "protocol/io/tls_trust.h"

/* Add what one store holds; OpenSSL takes a certificate twice as once. */
static enum lastcall_status add_store(X509_STORE *out, const wchar_t *name)
{
    HCERTSTORE store = CertOpenSystemStoreW(0, name);
    PCCERT_CONTEXT at = NULL;

    if (store == NULL)
        return LASTCALL_E_INTERNAL;
    /* Each call frees the one that it is given. */
    while ((at = CertEnumCertificatesInStore(store, at)) != NULL) {
        const unsigned char *bytes = at->pbCertEncoded;
        X509 *certificate;

        if ((at->dwCertEncodingType & X509_ASN_ENCODING) == 0)
            continue;
        /* One that OpenSSL cannot read vouches for nobody. */
        certificate = d2i_X509(NULL, &bytes, (long)at->cbCertEncoded);
        if (certificate != NULL)
            (void)X509_STORE_add_cert(out, certificate);
        X509_free(certificate);
    }
    (void)CertCloseStore(store, 0);
    ERR_clear_error(); /* a refused one must not look like a TLS error later */
    return LASTCALL_OK;
}

/*
 * "ROOT" is what this user or service and the machine trust; "CA" holds
 * intermediates, which servers forget to send: they lead to a root, and are
 * not trusted themselves without X509_V_FLAG_PARTIAL_CHAIN.
 */
enum lastcall_status tls_trust_system(struct ssl_ctx_st *context)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    enum lastcall_status status = add_store(store, L"ROOT");

    if (status == LASTCALL_OK)
        (void)add_store(store, L"CA");
    return status;
}
