#include <winsock2.h>

#include <windows.h>

#include <wincrypt.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#include "protocol/io/tls_trust.h"

#define USAGES_BYTES_MAX 4096

/*
 * Whether Windows lets an authority vouch for servers.  No list of usages at
 * all means every usage, an empty one means none; the error code tells.
 * Source: learn.microsoft.com, CertGetEnhancedKeyUsage, remarks.
 */
static bool is_for_servers(PCCERT_CONTEXT authority)
{
    union {
        CERT_ENHKEY_USAGE list;
        BYTE bytes[USAGES_BYTES_MAX];
    } usages;
    DWORD size = sizeof(usages);

    SetLastError(ERROR_SUCCESS);
    if (!CertGetEnhancedKeyUsage(authority, 0, &usages.list, &size) ||
        usages.list.cUsageIdentifier == 0)
        return GetLastError() == (DWORD)CRYPT_E_NOT_FOUND;
    for (DWORD i = 0; i < usages.list.cUsageIdentifier; i++) {
        const char *usage = usages.list.rgpszUsageIdentifier[i];

        if (strcmp(usage, szOID_PKIX_KP_SERVER_AUTH) == 0 ||
            strcmp(usage, szOID_ANY_ENHANCED_KEY_USAGE) == 0)
            return true;
    }
    return false;
}

/*
 * Of the store "ROOT" alone: it holds whom this user or service and the machine
 * trust.  What stands in "CA" is not trusted by Windows either, and OpenSSL
 * would take a self-signed one there for a root.
 */
enum lastcall_status tls_trust_system(struct ssl_ctx_st *context)
{
    X509_STORE *out = SSL_CTX_get_cert_store(context);
    HCERTSTORE store = CertOpenSystemStoreW(0, L"ROOT");
    PCCERT_CONTEXT at = NULL;

    if (store == NULL)
        return LASTCALL_E_INTERNAL;
    /* Each call frees the one that it is given. */
    while ((at = CertEnumCertificatesInStore(store, at)) != NULL) {
        const unsigned char *bytes = at->pbCertEncoded;
        X509 *authority;

        if ((at->dwCertEncodingType & X509_ASN_ENCODING) == 0 ||
            !is_for_servers(at))
            continue;
        /* One that OpenSSL cannot read vouches for nobody. */
        authority = d2i_X509(NULL, &bytes, (long)at->cbCertEncoded);
        if (authority != NULL)
            (void)X509_STORE_add_cert(out, authority);
        X509_free(authority);
    }
    (void)CertCloseStore(store, 0);
    ERR_clear_error(); /* a refused one must not look like a TLS error later */
    return LASTCALL_OK;
}
