/*
 * What paho before 1.3.14 leaks is not our leak.  A connection that breaks
 * leaves behind the commands that paho had not sent, and no call of paho's
 * takes one back; of those MQTTAsync_destroy() forgets
 *
 *   - the topic and the payload of a publish: it takes them for those that its
 *     list of sent publishes frees (MQTTAsync_NULLPublishCommands()),
 * upstream's issue #1474;
 *   - the options of a subscription to more than one filter, which are freed
 *     only after it is sent.
 *
 * Debian's paho keeps a tree of what it allocated.  With the next handle it
 * begins a new one, and then LeakSanitizer sees the old one as leaked.  Here
 * the root of the old one is remembered, so that it does not: not for what paho
 * allocated itself.  What we have to give back to paho is held to by paho's own
 * count, after each test of mqtt_link_wired.h.
 */
#define _GNU_SOURCE /* dl_iterate_phdr() */
#include <MQTTAsync.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LIBRARY "libpaho-mqtt3as.so"
#define NODE_BYTES 48 /* of its tree; other kinds are kept for nothing */
#define KEPT_MAX 65536

/* Of the sanitizer's runtime; gcc has no header with them. */
int __sanitizer_get_ownership(const volatile void *block);
size_t __sanitizer_get_allocated_size(const volatile void *block);

static const void
    *volatile kept[KEPT_MAX]; /* LeakSanitizer looks for pointers here */
static size_t kept_count;

/* Keep what the statics of the library point to. */
static void keep_words(const void *const *words, size_t count)
{
    for (size_t i = 0; i < count && kept_count < KEPT_MAX; i++) {
        const void *word = words[i];
        bool is_node = word != NULL && __sanitizer_get_ownership(word) != 0 &&
                       __sanitizer_get_allocated_size(word) == NODE_BYTES;

        if (is_node)
            kept[kept_count++] = word;
    }
}

static int keep_library(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    if (strstr(info->dlpi_name, LIBRARY) == NULL)
        return 0;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = (uintptr_t)(info->dlpi_addr + part->p_vaddr);

        if (part->p_type == PT_LOAD && (part->p_flags & PF_W) != 0)
            keep_words((const void *const *)begin,
                       part->p_memsz / sizeof(void *));
    }
    return 1;
}

/* Names that the linker gives: --wrap=MQTTAsync_createWithOptions. */
int __real_MQTTAsync_createWithOptions(MQTTAsync *handle, const char *uri,
                                       const char *client_id, int persistence,
                                       void *context,
                                       MQTTAsync_createOptions *options);
int __wrap_MQTTAsync_createWithOptions(MQTTAsync *handle, const char *uri,
                                       const char *client_id, int persistence,
                                       void *context,
                                       MQTTAsync_createOptions *options);

int __wrap_MQTTAsync_createWithOptions(MQTTAsync *handle, const char *uri,
                                       const char *client_id, int persistence,
                                       void *context,
                                       MQTTAsync_createOptions *options)
{
    (void)dl_iterate_phdr(keep_library, NULL);
    return __real_MQTTAsync_createWithOptions(handle, uri, client_id,
                                              persistence, context, options);
}
