#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "worker/plex_news.h"

static struct plex_news news;

static enum plex_news_kind take(const char *name, const char *data)
{
    const struct sse_event event = {name, strlen(name), data, strlen(data)};

    return plex_news_take(&news, &event);
}

#define PLAY(key, more)                                                        \
    "{\"PlaySessionStateNotification\":{\"sessionKey\":" key "," more "}}"

static enum plex_news_kind playing(const char *data)
{
    return take("playing", data);
}

static void begin(void)
{
    news = (struct plex_news){0};
}

static void what_goes_on_is_no_news(void **state)
{
    (void)state;
    begin();
    assert_int_equal(playing(PLAY("\"7\"", "\"state\":\"playing\","
                                           "\"viewOffset\":1000")),
                     PLEX_NEWS_CHANGED);
    assert_int_equal(playing(PLAY("\"7\"", "\"state\":\"playing\","
                                           "\"viewOffset\":11000")),
                     PLEX_NEWS_NONE);
    /* However this version writes its key. */
    assert_int_equal(playing(PLAY("7", "\"viewOffset\":\"21000\","
                                       "\"state\":\"playing\"")),
                     PLEX_NEWS_NONE);
    assert_int_equal(playing(PLAY("\"8\"", "\"state\":\"playing\"")),
                     PLEX_NEWS_CHANGED);
}

static void states_items_and_transcodes_are_news(void **state)
{
    (void)state;
    begin();
    playing(PLAY("\"7\"", "\"state\":\"playing\",\"ratingKey\":\"1\""));
    assert_int_equal(
        playing(PLAY("\"7\"", "\"state\":\"paused\",\"ratingKey\":\"1\"")),
        PLEX_NEWS_CHANGED);
    assert_int_equal(
        playing(PLAY("\"7\"", "\"state\":\"paused\",\"ratingKey\":\"1\"")),
        PLEX_NEWS_NONE);
    assert_int_equal(
        playing(PLAY("\"7\"", "\"state\":\"paused\",\"ratingKey\":\"2\"")),
        PLEX_NEWS_CHANGED);
    assert_int_equal(
        playing(PLAY("\"7\"", "\"state\":\"paused\",\"ratingKey\":\"2\","
                              "\"transcodeSession\":\"x\"")),
        PLEX_NEWS_CHANGED);
    assert_int_equal(
        playing(PLAY("\"7\"", "\"state\":\"paused\",\"ratingKey\":\"2\"")),
        PLEX_NEWS_CHANGED);
    /* Where one text ends is part of what is said. */
    playing(PLAY("\"9\"", "\"state\":\"a\",\"ratingKey\":\"bc\""));
    assert_int_equal(
        playing(PLAY("\"9\"", "\"state\":\"ab\",\"ratingKey\":\"c\"")),
        PLEX_NEWS_CHANGED);
}

static void an_end_is_told_once(void **state)
{
    static const char stopped[] = PLAY("\"7\"", "\"state\":\"stopped\"");

    (void)state;
    begin();
    playing(PLAY("\"7\"", "\"state\":\"playing\""));
    assert_int_equal(playing(stopped), PLEX_NEWS_STOPPED);
    assert_int_equal(playing(stopped), PLEX_NEWS_NONE);
    assert_int_equal(playing(PLAY("\"7\"", "\"state\":\"playing\"")),
                     PLEX_NEWS_CHANGED);
    /* Of somebody who was never told of, it may be the only word. */
    assert_int_equal(playing(PLAY("\"99\"", "\"state\":\"stopped\"")),
                     PLEX_NEWS_STOPPED);
}

static void other_events_are_no_news(void **state)
{
    static const char *const names[] = {
        "ping", "timeline", "message", "playin", "playing2", "PLAYING", ""};

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(take(names[i], PLAY("\"7\"", "\"state\":\"x\"")),
                         PLEX_NEWS_NONE);
}

/* A form of the notification, with its state between two parts. */
struct form {
    const char *before;
    const char *behind;
};

static enum plex_news_kind in_form(const struct form *form, const char *state)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "%s\"sessionKey\":\"7\",\"state\":\"%s\"%s", form->before,
                   state, form->behind);
    return playing(text);
}

static void every_form_is_understood(void **state)
{
    static const struct form forms[] = {
        {"{\"PlaySessionStateNotification\":{", "}}"},
        {"{\"PlaySessionStateNotification\":[{", "}]}"},
        {"{\"NotificationContainer\":{\"type\":\"playing\",\"size\":1,"
         "\"PlaySessionStateNotification\":[{",
         "}]}}"},
        {"[{\"PlaySessionStateNotification\":{", "}}]"},
        {"\xef\xbb\xbf{\"PlaySessionStateNotification\":{", "}}"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        begin();
        assert_int_equal(in_form(&forms[i], "playing"), PLEX_NEWS_CHANGED);
        assert_int_equal(in_form(&forms[i], "playing"), PLEX_NEWS_NONE);
        assert_int_equal(in_form(&forms[i], "stopped"), PLEX_NEWS_STOPPED);
        assert_int_equal(in_form(&forms[i], "stopped"), PLEX_NEWS_NONE);
    }
}

static void of_several_the_end_counts(void **state)
{
    (void)state;
    begin();
    assert_int_equal(playing("{\"PlaySessionStateNotification\":["
                             "{\"sessionKey\":\"1\",\"state\":\"stopped\"},"
                             "{\"sessionKey\":\"2\",\"state\":\"playing\"}]}"),
                     PLEX_NEWS_STOPPED);
}

/* Something was said: better one list too many. */
static void what_cannot_be_read_is_a_change(void **state)
{
    static const char *const datas[] = {
        "",
        "{",
        "null",
        "7",
        "[]x",
        "\xff\xfe",
        "{}",
        "{\"PlaySessionStateNotification\":7}",
        "{\"PlaySessionStateNotification\":[7]}",
        "{\"PlaySessionStateNotification\":[]}",
        "{\"NotificationContainer\":{}}",
    };

    (void)state;
    begin();
    for (size_t i = 0; i < sizeof(datas) / sizeof(datas[0]); i++)
        assert_int_equal(playing(datas[i]), PLEX_NEWS_CHANGED);
    assert_int_equal(playing("[]"), PLEX_NEWS_NONE); /* of nobody */
}

static void many_at_once_are_a_change_as_a_whole(void **state)
{
    char text[64 * (PLEX_NEWS_EVENT_COUNT_MAX + 2)];
    size_t len = 0;

    (void)state;
    begin();
    len += (size_t)snprintf(text, sizeof(text),
                            "{\"PlaySessionStateNotification\":[");
    for (int i = 0; i <= PLEX_NEWS_EVENT_COUNT_MAX; i++)
        len +=
            (size_t)snprintf(text + len, sizeof(text) - len,
                             "%s{\"sessionKey\":\"%d\"}", i > 0 ? "," : "", i);
    (void)snprintf(text + len, sizeof(text) - len, "]}");
    assert_int_equal(playing(text), PLEX_NEWS_CHANGED);
    assert_int_equal(playing(text), PLEX_NEWS_CHANGED);
}

static enum plex_news_kind numbered(unsigned number)
{
    char text[128];

    (void)snprintf(text, sizeof(text), PLAY("\"%u\"", "\"state\":\"playing\""),
                   number);
    return playing(text);
}

static void the_oldest_is_forgotten_first(void **state)
{
    (void)state;
    begin();
    for (unsigned i = 0; i < PLEX_NEWS_PLAY_COUNT_MAX; i++)
        assert_int_equal(numbered(i), PLEX_NEWS_CHANGED);
    for (unsigned i = 0; i < PLEX_NEWS_PLAY_COUNT_MAX; i++)
        assert_int_equal(numbered(i), PLEX_NEWS_NONE);
    assert_int_equal(numbered(PLEX_NEWS_PLAY_COUNT_MAX), PLEX_NEWS_CHANGED);
    assert_int_equal(numbered(1), PLEX_NEWS_NONE);
    assert_int_equal(numbered(0), PLEX_NEWS_CHANGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_on_is_no_news),
        cmocka_unit_test(states_items_and_transcodes_are_news),
        cmocka_unit_test(an_end_is_told_once),
        cmocka_unit_test(other_events_are_no_news),
        cmocka_unit_test(every_form_is_understood),
        cmocka_unit_test(of_several_the_end_counts),
        cmocka_unit_test(what_cannot_be_read_is_a_change),
        cmocka_unit_test(many_at_once_are_a_change_as_a_whole),
        cmocka_unit_test(the_oldest_is_forgotten_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
