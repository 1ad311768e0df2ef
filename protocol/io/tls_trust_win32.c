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

/* What somebody took his trust from stays in "ROOT", and is here as well. */
static bool is_disallowed(HCERTSTORE disallowed, PCCERT_CONTEXT authority)
{
    PCCERT_CONTEXT found = CertFindCertificateInStore(
        disallowed, X509_ASN_ENCODING, 0, CERT_FIND_EXISTING, authority, NULL);

    if (found == NULL)
        return false;
    (void)CertFreeCertificateContext(found);
    return true;
}

static void add_authorities(HCERTSTORE roots, HCERTSTORE disallowed,
                            X509_STORE *out)
{
    PCCERT_CONTEXT at = NULL;

    /* Each call frees the one that it is given. */
    while ((at = CertEnumCertificatesInStore(roots, at)) != NULL) {
        const unsigned char *bytes = at->pbCertEncoded;
        X509 *authority;

        if ((at->dwCertEncodingType & X509_ASN_ENCODING) == 0 ||
            !is_for_servers(at) || is_disallowed(disallowed, at))
            continue;
        /* One that OpenSSL cannot read vouches for nobody. */
        authority = d2i_X509(NULL, &bytes, (long)at->cbCertEncoded);
        if (authority != NULL)
            (void)X509_STORE_add_cert(out, authority);
        X509_free(authority);
    }
    ERR_clear_error(); /* a refused one must not look like a TLS error later */
}

/*
 * Of the store "ROOT" alone: it holds whom this user or service and the machine
 * trust.  What stands in "CA" is not trusted by Windows either, and OpenSSL
 * would take a self-signed one there for a root.
 */
enum lastcall_status tls_trust_system(struct ssl_ctx_st *context)
{
    HCERTSTORE roots = CertOpenSystemStoreW(0, L"ROOT");
    HCERTSTORE disallowed = CertOpenSystemStoreW(0, L"Disallowed");
    enum lastcall_status status = LASTCALL_E_INTERNAL;

    if (roots != NULL && disallowed != NULL) {
        add_authorities(roots, disallowed, SSL_CTX_get_cert_store(context));
        status = LASTCALL_OK;
    }
    if (disallowed != NULL)
        (void)CertCloseStore(disallowed, 0);
    if (roots != NULL)
        (void)CertCloseStore(roots, 0);
    return status;
}
