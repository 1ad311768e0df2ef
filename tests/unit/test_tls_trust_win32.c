#include <winsock2.h>

#include <windows.h>

#include <wincrypt.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "protocol/io/tls_trust.h"

#define ONE_DAY_S 86400L

/* An authority that nobody knows yet, not even by its name. */
static X509 *make_authority(void)
{
    static unsigned made;
    char common_name[64];
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *out = X509_new();
    X509_NAME *name = X509_get_subject_name(out);

    snprintf(common_name, sizeof(common_name), "lastcall test %lu.%lu.%u",
             GetCurrentProcessId(), GetTickCount(), made++);
    assert_non_null(key);
    assert_int_equal(X509_set_version(out, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(out), 7), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(out), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(out), ONE_DAY_S));
    assert_int_equal(X509_NAME_add_entry_by_txt(
                         name, "CN", MBSTRING_ASC,
                         (const unsigned char *)common_name, -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(out, name), 1);
    assert_int_equal(X509_set_pubkey(out, key), 1);
    assert_true(X509_sign(out, key, EVP_sha256()) > 0);
    EVP_PKEY_free(key);
    return out;
}

/* Whether a fresh context trusts it. */
static bool is_trusted(X509 *authority)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    X509_STORE_CTX *check = X509_STORE_CTX_new();
    bool is_good;

    assert_non_null(context);
    assert_int_equal(tls_trust_system(context), LASTCALL_OK);
    assert_int_equal(X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(context),
                                         authority, NULL),
                     1);
    is_good = X509_verify_cert(check) == 1;
    X509_STORE_CTX_free(check);
    SSL_CTX_free(context);
    return is_good;
}

/* Take an authority out of a store again; the close writes that down. */
static void take_out(const wchar_t *name, PCCERT_CONTEXT made)
{
    HCERTSTORE store = CertOpenSystemStoreW(0, name);
    PCCERT_CONTEXT kept;

    assert_non_null(store);
    kept = CertFindCertificateInStore(store, X509_ASN_ENCODING, 0,
                                      CERT_FIND_EXISTING, made, NULL);
    assert_non_null(kept);
    assert_true(CertDeleteCertificateFromStore(kept)); /* frees it */
    assert_true(CertCloseStore(store, 0));
}

static void put_in(const wchar_t *name, PCCERT_CONTEXT made)
{
    HCERTSTORE store = CertOpenSystemStoreW(0, name);

    assert_non_null(store);
    assert_true(CertAddCertificateContextToStore(
        store, made, CERT_STORE_ADD_REPLACE_EXISTING, NULL));
    assert_true(CertCloseStore(store, 0));
}

/* Whether an authority that Windows keeps in a store, and in another unless
 * that is NULL, for these usages or for all, is trusted. */
static bool is_trusted_in(const wchar_t *name, const wchar_t *other,
                          CERT_ENHKEY_USAGE *usages)
{
    X509 *authority = make_authority();
    unsigned char *bytes = NULL;
    int len = i2d_X509(authority, &bytes);
    PCCERT_CONTEXT made =
        CertCreateCertificateContext(X509_ASN_ENCODING, bytes, (DWORD)len);
    bool is_good;

    assert_non_null(made);
    assert_false(is_trusted(authority));
    if (usages != NULL)
        assert_true(CertSetEnhancedKeyUsage(made, usages));
    put_in(name, made);
    if (other != NULL)
        put_in(other, made);
    is_good = is_trusted(authority);
    take_out(name, made); /* Wine 8 sees it as long as the program runs */
    if (other != NULL)
        take_out(other, made);
    assert_true(CertFreeCertificateContext(made));
    OPENSSL_free(bytes);
    X509_free(authority);
    return is_good;
}

static void test_roots_are_trusted(void **state)
{
    (void)state;
    assert_true(is_trusted_in(L"ROOT", NULL, NULL));
}

static void test_intermediates_are_not(void **state)
{
    (void)state;
    assert_false(is_trusted_in(L"CA", NULL, NULL));
}

/* An administrator, or Windows itself, took the trust back. */
static void test_disallowed_ones_are_not(void **state)
{
    (void)state;
    assert_false(is_trusted_in(L"ROOT", L"Disallowed", NULL));
}

/* Windows may trust it to sign programs, and not to vouch for servers. */
static void test_usages_are_kept_to(void **state)
{
    char signing[] = szOID_PKIX_KP_CODE_SIGNING;
    char serving[] = szOID_PKIX_KP_SERVER_AUTH;
    LPSTR list[] = {signing, serving};
    CERT_ENHKEY_USAGE both = {2, list};
    CERT_ENHKEY_USAGE one = {1, list};

    (void)state;
    assert_true(is_trusted_in(L"ROOT", NULL, &both));
    assert_false(is_trusted_in(L"ROOT", NULL, &one));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_roots_are_trusted),
        cmocka_unit_test(test_intermediates_are_not),
        cmocka_unit_test(test_disallowed_ones_are_not),
        cmocka_unit_test(test_usages_are_kept_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
