#include "protocol/io/keyfile.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define KEY_FILE_BYTES_MAX 8192
#define PATH_SIZE 4096
/* Blanks and a line's end around the one line of a secret. */
#define LINE_SLACK_BYTES 64
#define IN_UTF16 "written in UTF-16; save it as UTF-8"

/* No passphrases: a worker has nobody to ask.  Asked at all, we note it. */
static int refuse_passphrase(char *out, int size, int for_writing, void *asked)
{
    (void)out;
    (void)size;
    (void)for_writing;
    *(bool *)asked = true;
    return -1;
}

static bool holds_text(const struct bytes *file, const char *text)
{
    return file->data != NULL && strstr((const char *)file->data, text) != NULL;
}

static EVP_PKEY *parse_pem(const struct bytes *file, bool is_private,
                           bool *is_encrypted)
{
    const size_t mark_len = bytes_mark_len(file->data, file->len);
    EVP_PKEY *pkey = NULL;
    BIO *bio =
        BIO_new_mem_buf(file->data + mark_len, (int)(file->len - mark_len));

    if (bio == NULL)
        return NULL;
    if (is_private)
        pkey =
            PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, is_encrypted);
    else
        pkey = PEM_read_bio_PUBKEY(bio, NULL, refuse_passphrase, is_encrypted);
    BIO_free(bio);
    ERR_clear_error(); /* must not look like a TLS error later */
    return pkey;
}

/* Take the key out of a file's content and say what is wrong with it. */
static enum lastcall_status take_key(const char *path, const struct bytes *file,
                                     bool is_private, struct key *out,
                                     struct platform_error *error)
{
    EVP_PKEY *pkey = NULL;
    bool is_encrypted = false;
    const char *half = is_private ? "private" : "public";

    if (file->data != NULL)
        pkey = parse_pem(file, is_private, &is_encrypted);
    if (pkey != NULL && key_take_pkey(pkey, out) == LASTCALL_OK)
        return LASTCALL_OK;
    if (is_encrypted)
        platform_explain(
            error,
            "%s: the key is encrypted and nobody can be asked for the "
            "passphrase; mend it: openssl pkey -in %s -out NEW",
            path, path);
    else if (pkey != NULL)
        platform_explain(error, "%s: not an Ed25519 key", path);
    else if (!is_private && holds_text(file, "PRIVATE KEY"))
        platform_explain(
            error,
            "%s: a private key where a public one is wanted; give the "
            ".pub file",
            path);
    else if (is_private && holds_text(file, "PUBLIC KEY"))
        platform_explain(
            error, "%s: a public key where a private one is wanted", path);
    else if (bytes_is_utf16(file->data, file->len))
        platform_explain(error, "%s: " IN_UTF16, path);
    else
        platform_explain(error, "%s: not a %s key in PEM", path, half);
    return LASTCALL_E_KEY;
}

enum lastcall_status keyfile_read_private(const char *path, struct key *out,
                                          struct platform_error *error)
{
    enum lastcall_status status;
    struct bytes file;

    *out = (struct key){0};
    status =
        platform_read_file(path, FILE_SECRET, KEY_FILE_BYTES_MAX, &file, error);
    if (status == LASTCALL_OK)
        status = take_key(path, &file, true, out, error);
    bytes_deinit(&file);
    return status;
}

enum lastcall_status keyfile_read_public(const char *path, struct key *out,
                                         struct platform_error *error)
{
    enum lastcall_status status;
    struct bytes file;

    *out = (struct key){0};
    status = platform_read_file(path, FILE_GUARDED, KEY_FILE_BYTES_MAX, &file,
                                error);
    if (status == LASTCALL_OK)
        status = take_key(path, &file, false, out, error);
    bytes_deinit(&file);
    return status;
}

enum lastcall_status keyfile_read_any(const char *path, struct key *out,
                                      struct platform_error *error)
{
    enum lastcall_status status;
    struct bytes file;
    bool is_private;

    *out = (struct key){0};
    status =
        platform_read_file(path, FILE_PUBLIC, KEY_FILE_BYTES_MAX, &file, error);
    is_private = status == LASTCALL_OK && holds_text(&file, "PRIVATE KEY");
    if (status == LASTCALL_OK && !is_private)
        status = take_key(path, &file, false, out, error);
    bytes_deinit(&file);
    /* Read again, so that what is checked to be secret is what is used. */
    return is_private ? keyfile_read_private(path, out, error) : status;
}

/* Write one half as PEM to a new file. */
static enum lastcall_status write_half(const char *path, const struct key *key,
                                       enum file_secrecy secrecy,
                                       struct platform_error *error)
{
    enum lastcall_status status = LASTCALL_E_INTERNAL;
    BIO *bio = NULL;
    char *data = NULL;
    long len = 0;
    int made;

    platform_explain(error, "%s: the key could not be encoded", path);
    bio = BIO_new(secrecy == FILE_SECRET ? BIO_s_secmem() : BIO_s_mem());
    if (bio == NULL) {
        status = LASTCALL_E_NOMEM;
        goto out;
    }
    if (secrecy == FILE_SECRET)
        made = PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0,
                                             NULL, NULL);
    else
        made = PEM_write_bio_PUBKEY(bio, key->pkey);
    if (made != 1)
        goto out;
    len = BIO_get_mem_data(bio, &data);
    if (len <= 0)
        goto out;
    status = platform_create_file(path, secrecy, data, (size_t)len, error);

out:
    BIO_free(bio); /* wipes its memory */
    ERR_clear_error();
    return status;
}

enum lastcall_status keyfile_write_public(const char *path,
                                          const struct key *key,
                                          struct platform_error *error)
{
    return write_half(path, key, FILE_PUBLIC, error);
}

enum lastcall_status keyfile_write_pair(const char *path, const struct key *key,
                                        struct platform_error *error)
{
    enum lastcall_status status;
    char public_path[PATH_SIZE];

    if (snprintf(public_path, sizeof(public_path), "%s.pub", path) >=
        (int)sizeof(public_path)) {
        platform_explain(error, "%s: the path is too long", path);
        return LASTCALL_E_IO;
    }
    /* The public half first: what a failure leaves behind is no secret. */
    status = keyfile_write_public(public_path, key, error);
    if (status != LASTCALL_OK)
        return status;
    status = write_half(path, key, FILE_SECRET, error);
    if (status != LASTCALL_OK)
        remove(public_path); /* ours, made a moment ago */
    return status;
}

enum lastcall_status keyfile_read_line(const char *path,
                                       enum file_secrecy secrecy,
                                       size_t len_max, struct bytes *out,
                                       struct platform_error *error)
{
    static const char blanks[] = " \t\r\n";
    enum lastcall_status status;
    const char *line = "";
    struct bytes file;
    size_t len;

    bytes_init(out, len_max);
    status = platform_read_file(path, secrecy, len_max + LINE_SLACK_BYTES,
                                &file, error);
    if (status != LASTCALL_OK)
        goto out;
    if (file.data != NULL)
        line = (const char *)file.data + bytes_mark_len(file.data, file.len);
    line += strspn(line, blanks);
    len = strlen(line);
    while (len > 0 && strchr(blanks, line[len - 1]) != NULL)
        len--;
    status = LASTCALL_E_SHAPE;
    if (len == 0) {
        platform_explain(error, "%s: empty; it should hold one line", path);
        goto out;
    }
    if (file.len != 0 && !bytes_is_utf8(file.data, file.len)) {
        platform_explain(error, "%s: %s", path,
                         bytes_is_utf16(file.data, file.len)
                             ? IN_UTF16
                             : "not a text in UTF-8");
        goto out;
    }
    if (memchr(line, '\n', len) != NULL || memchr(line, '\r', len) != NULL) {
        platform_explain(error, "%s: several lines; it should hold one", path);
        goto out;
    }
    status = bytes_append(out, line, len);
    if (status == LASTCALL_E_TOO_LARGE)
        platform_explain(error, "%s: the line is longer than %zu characters",
                         path, len_max);

out:
    bytes_deinit(&file);
    return status;
}
