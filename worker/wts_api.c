#include "worker/wts_api.h"

#include <stdlib.h>

void wts_entries_deinit(struct wts_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        free(entries->items[i].session_name);
        free(entries->items[i].username);
        free(entries->items[i].domain);
    }
    free(entries->items);
    *entries = (struct wts_entries){0};
}

void wts_client_deinit(struct wts_client *client)
{
    free(client->name);
    free(client->address);
    free(client->directory);
    *client = (struct wts_client){0};
}
