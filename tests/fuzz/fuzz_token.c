/*
 * Tokens from strangers: whatever comes, decoding and verifying end, and
 * what was decoded is the input, byte for byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The root of tests/cases/token/make.py, which signed some of the seeds. */
static const unsigned char root_seed[KEY_RAW_LEN] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};

static void check(int is_true)
{
    if (!is_true)
        abort();
}

static void verify(const struct token *token)
{
    struct key root;
    struct verified verified;

    if (key_from_seed(root_seed, &root) != LASTCALL_OK)
        return;
    if (token_verify(token, &root, &verified) == LASTCALL_OK)
        check(verified.claims != NULL);
    else
        check(verified.claims == NULL);
    verified_deinit(&verified);
    key_deinit(&root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct token token;

    if (token_decode(data, size, &token) == LASTCALL_OK) {
        check(token.text_len == size && memcmp(token.text, data, size) == 0);
        check(token.signed_len < size && token.text[token.signed_len] == '.');
        check(strlen(token.kid) == KEY_THUMBPRINT_SIZE - 1);
        check(size <= token_type_bytes_max(token.type));
        verify(&token);
    } else {
        check(token.text == NULL && token.grant == NULL);
    }
    token_deinit(&token);
    return 0;
}
