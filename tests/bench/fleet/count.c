#define _GNU_SOURCE /* RTLD_NEXT */
#include "tests/bench/fleet/count.h"

#include <dlfcn.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

typedef int verify_function(EVP_MD_CTX *context, const unsigned char *signature,
                            size_t signature_len, const unsigned char *data,
                            size_t len);
typedef int sign_function(EVP_MD_CTX *context, unsigned char *signature,
                          size_t *signature_len, const unsigned char *data,
                          size_t len);

static atomic_uint_fast64_t verified, signed_;
static verify_function *real_verify;
static sign_function *real_sign;

static void *find(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);

    if (function == NULL) {
        fprintf(stderr, "fleet: no %s to count\n", name);
        abort();
    }
    return function;
}

/* Before the program's main(), so before it has threads. */
__attribute__((constructor)) static void find_both(void)
{
    /* POSIX has dlsym() give functions this way. */
    *(void **)&real_verify = find("EVP_DigestVerify");
    *(void **)&real_sign = find("EVP_DigestSign");
}

int EVP_DigestVerify(EVP_MD_CTX *context, const unsigned char *signature,
                     size_t signature_len, const unsigned char *data,
                     size_t len)
{
    atomic_fetch_add_explicit(&verified, 1, memory_order_relaxed);
    return real_verify(context, signature, signature_len, data, len);
}

int EVP_DigestSign(EVP_MD_CTX *context, unsigned char *signature,
                   size_t *signature_len, const unsigned char *data, size_t len)
{
    atomic_fetch_add_explicit(&signed_, 1, memory_order_relaxed);
    return real_sign(context, signature, signature_len, data, len);
}

struct count count_read(void)
{
    return (struct count){verified, signed_};
}

__attribute__((destructor)) static void write_file(void)
{
    const char *path = getenv("COUNT_FILE");
    FILE *file = path != NULL ? fopen(path, "w") : NULL;

    if (file == NULL)
        return;
    fprintf(file, "{\"verified\":%" PRIuFAST64 ",\"signed\":%" PRIuFAST64 "}\n",
            verified, signed_);
    (void)fclose(file);
}
