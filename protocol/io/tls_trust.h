/*
 * Which authorities this system trusts, for whoever fills an SSL_CTX itself.
 * Fillings: tls_trust_posix.c (OpenSSL's default paths), tls_trust_win32.c (the
 * store "ROOT" of Windows, of which OpenSSL knows nothing; of the authorities
 * in it, those that may vouch for servers and that are not in "Disallowed").
 */
#ifndef LASTCALL_IO_TLS_TRUST_H
#define LASTCALL_IO_TLS_TRUST_H

#include "protocol/status.h"

struct ssl_ctx_st;

/*
 * Let a context trust whom the system trusts.
 *
 *   context  an SSL_CTX; certificates are added to its store
 *
 * Returns LASTCALL_OK, LASTCALL_E_INTERNAL (the system's store cannot be
 *         opened).
 * Source: SSL_CTX_set_default_verify_paths(3); learn.microsoft.com,
 *         CertOpenSystemStoreW, CertEnumCertificatesInStore,
 *         CertGetEnhancedKeyUsage.
 */
LASTCALL_MUST_USE enum lastcall_status
tls_trust_system(struct ssl_ctx_st *context);

#endif
