#include "protocol/session.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/bytes.h"
#include "protocol/text.h"

#define LIST_CAPACITY_FIRST 8

static void value_clear(struct session_value *value)
{
    if (value->kind == VALUE_TEXT)
        free(value->as.text);
    *value = (struct session_value){0};
}

void session_deinit(struct session *session)
{
    for (size_t i = 0; i < SESSION_FIELD_COUNT; i++)
        value_clear(&session->fields[i]);
}

/* The place of a field whose kind the caller has promised. */
static struct session_value *value_at(struct session *session,
                                      enum session_field field,
                                      enum value_kind kind)
{
    struct session_value *value = &session->fields[field];

    assert(session_field_info(field)->kind == kind);
    value_clear(value);
    value->kind = kind;
    return value;
}

enum lastcall_status session_set_text(struct session *session,
                                      enum session_field field,
                                      const char *text)
{
    char clean[SESSION_TEXT_MAX + 1];
    char *copy = NULL;

    if (text == NULL) {
        session_set_null(session, field);
        return LASTCALL_OK;
    }
    if (field == SESSION_ID) {
        if (strlen(text) > SESSION_TEXT_MAX)
            return LASTCALL_E_TOO_LARGE;
        if (!text_is_clean(text))
            return LASTCALL_E_ENCODING;
    }
    (void)text_clean(text, clean, sizeof(clean));
    copy = bytes_copy_text(clean);
    if (copy == NULL)
        return LASTCALL_E_NOMEM;
    value_at(session, field, VALUE_TEXT)->as.text = copy;
    return LASTCALL_OK;
}

void session_set_bool(struct session *session, enum session_field field,
                      int truth)
{
    value_at(session, field, VALUE_BOOL)->as.boolean = truth != 0;
}

void session_set_integer(struct session *session, enum session_field field,
                         int64_t value)
{
    value_at(session, field, VALUE_INTEGER)->as.integer = value;
}

void session_set_real(struct session *session, enum session_field field,
                      double value)
{
    /* JSON knows neither infinity nor NaN. */
    if (fabs(value) <= DBL_MAX)
        value_at(session, field, VALUE_REAL)->as.real = value;
    else
        session_set_null(session, field);
}

void session_set_null(struct session *session, enum session_field field)
{
    value_clear(&session->fields[field]);
}

const char *session_text(const struct session *session,
                         enum session_field field)
{
    const struct session_value *value = &session->fields[field];

    return value->kind == VALUE_TEXT ? value->as.text : NULL;
}

bool session_is(const struct session *session, enum session_field field)
{
    const struct session_value *value = &session->fields[field];

    return value->kind == VALUE_BOOL && value->as.boolean;
}

enum lastcall_status session_copy(const struct session *from,
                                  struct session *out)
{
    *out = (struct session){0};
    for (size_t i = 0; i < SESSION_FIELD_COUNT; i++) {
        struct session_value value = from->fields[i];

        if (value.kind == VALUE_TEXT) {
            value.as.text = bytes_copy_text(from->fields[i].as.text);
            if (value.as.text == NULL)
                goto out;
        }
        out->fields[i] = value;
    }
    return LASTCALL_OK;

out:
    session_deinit(out);
    return LASTCALL_E_NOMEM;
}

static enum session_order order_of(bool less, bool greater)
{
    if (less)
        return SESSION_LESS;
    return greater ? SESSION_GREATER : SESSION_SAME;
}

/* Exact: a 64-bit integer is not squeezed through a double first. */
static enum session_order order_mixed(int64_t integer, double real)
{
    const double bound = 9223372036854775808.0; /* 2^63 */
    int64_t whole = 0;

    if (real >= bound)
        return SESSION_LESS;
    if (real < -bound)
        return SESSION_GREATER;
    whole = (int64_t)real;
    if (integer != whole)
        return order_of(integer<whole, integer> whole);
    return order_of(real > (double)whole, real < (double)whole);
}

static enum session_order order_reversed(enum session_order order)
{
    if (order == SESSION_LESS)
        return SESSION_GREATER;
    return order == SESSION_GREATER ? SESSION_LESS : order;
}

enum session_order session_value_order(const struct session_value *a,
                                       const struct session_value *b)
{
    int text_order = 0;

    if (a->kind == VALUE_INTEGER && b->kind == VALUE_REAL)
        return order_mixed(a->as.integer, b->as.real);
    if (a->kind == VALUE_REAL && b->kind == VALUE_INTEGER)
        return order_reversed(order_mixed(b->as.integer, a->as.real));
    if (a->kind != b->kind)
        return SESSION_UNORDERED;

    switch (a->kind) {
    case VALUE_NULL:
        return SESSION_SAME;
    case VALUE_BOOL:
        return a->as.boolean == b->as.boolean ? SESSION_SAME
                                              : SESSION_UNORDERED;
    case VALUE_INTEGER:
        return order_of(
            a->as.integer<b->as.integer, a->as.integer> b->as.integer);
    case VALUE_REAL:
        return order_of(a->as.real<b->as.real, a->as.real> b->as.real);
    case VALUE_TEXT:
        text_order = strcmp(a->as.text, b->as.text);
        return order_of(text_order<0, text_order> 0);
    }
    return SESSION_UNORDERED;
}

static int order_texts(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

int session_identity_order(const struct session *a, const struct session *b)
{
    const int by_id =
        order_texts(session_text(a, SESSION_ID), session_text(b, SESSION_ID));

    if (by_id != 0)
        return by_id;
    return order_texts(session_text(a, SESSION_SESSION_KEY),
                       session_text(b, SESSION_SESSION_KEY));
}

bool session_is_equal(const struct session *a, const struct session *b,
                      enum session_compare how)
{
    for (unsigned i = 0; i < SESSION_FIELD_COUNT; i++) {
        enum session_field field = (enum session_field)i;

        if (how == SESSION_COMPARE_STILL &&
            session_field_info(field)->motion == SESSION_MOVING)
            continue;
        if (session_value_order(&a->fields[i], &b->fields[i]) != SESSION_SAME)
            return false;
    }
    return true;
}

void session_list_deinit(struct session_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        session_deinit(&list->items[i]);
    free(list->items);
    *list = (struct session_list){0};
}

static enum lastcall_status list_grow(struct session_list *list)
{
    size_t capacity =
        list->capacity == 0 ? LIST_CAPACITY_FIRST : list->capacity * 2;
    struct session *items = NULL;

    if (list->count < list->capacity)
        return LASTCALL_OK;
    if (capacity > SESSION_COUNT_MAX)
        capacity = SESSION_COUNT_MAX;
    items = realloc(list->items, capacity * sizeof(*items));
    if (items == NULL)
        return LASTCALL_E_NOMEM;
    list->items = items;
    list->capacity = capacity;
    return LASTCALL_OK;
}

enum lastcall_status session_list_take(struct session_list *list,
                                       struct session *session)
{
    enum lastcall_status status = LASTCALL_OK;

    if (list->count < SESSION_COUNT_MAX)
        status = list_grow(list);
    if (status == LASTCALL_OK) {
        list->total_count++;
        if (list->count < SESSION_COUNT_MAX) {
            list->items[list->count++] = *session;
            *session = (struct session){0};
        }
    }
    session_deinit(session);
    return status;
}

struct session *session_list_find(const struct session_list *list,
                                  const char *session_id)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *id = session_text(&list->items[i], SESSION_ID);

        if (id != NULL && strcmp(id, session_id) == 0)
            return &list->items[i];
    }
    return NULL;
}

bool session_list_is_equal(const struct session_list *a,
                           const struct session_list *b,
                           enum session_compare how)
{
    if (a->count != b->count || a->total_count != b->total_count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!session_is_equal(&a->items[i], &b->items[i], how))
            return false;
    }
    return true;
}
