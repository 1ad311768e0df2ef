#include "protocol/io/tls_trust.h"

#include <openssl/ssl.h>

enum lastcall_status tls_trust_system(struct ssl_ctx_st *context)
{
    return SSL_CTX_set_default_verify_paths(context) == 1 ? LASTCALL_OK
                                                          : LASTCALL_E_INTERNAL;
}
