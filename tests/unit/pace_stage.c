#include "tests/unit/pace_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct name pace_host_name(size_t number)
{
    struct name name = {""};

    snprintf(name.text, sizeof name.text, "h%02zu", number);
    return name;
}

size_t pace_number_of(const struct name *name)
{
    return (size_t)(name->text[1] - '0') * 10 + (size_t)(name->text[2] - '0');
}

struct request_id pace_id_of(size_t number)
{
    struct request_id id = {""};

    snprintf(id.text, sizeof id.text, "request-of-host-%02zu", number);
    return id;
}

struct pace_share pace_share(const char *text)
{
    struct pace_share out = {0};

    if (text != NULL)
        assert_int_equal(pace_share_parse(text, &out), LASTCALL_OK);
    return out;
}

void pace_begin(struct campaign *campaign, const char *states,
                const struct campaign_pace *pace)
{
    *campaign = (struct campaign){
        .timeout_ms = PACE_TIMEOUT_MS, .ttl_ms = PACE_TTL_MS, .pace = *pace};
    for (size_t i = 0; states[i] != '\0'; i++) {
        struct name name = pace_host_name(i);

        assert_int_equal(campaign_expect(campaign, &name,
                                         states[i] == '-' ? PRESENCE_OFFLINE
                                                          : PRESENCE_ONLINE,
                                         CAMPAIGN_NO_MESSAGE),
                         LASTCALL_OK);
    }
    assert_int_equal(campaign_start(campaign, PACE_START_MS), LASTCALL_OK);
}

void pace_go(struct campaign *campaign, int64_t now_ms, char *asked)
{
    for (;;) {
        const struct campaign_message *message =
            campaign_next_send(campaign, now_ms);
        const struct campaign_host *host = NULL;
        struct request_id id;
        struct bytes token;
        size_t len = strlen(asked);

        /* Whoever has answered is not sent it again: it is gone. */
        if (message != NULL) {
            assert_true(message->token.len > 0);
            assert_true(message->sent_count <= CAMPAIGN_SEND_COUNT);
            continue;
        }
        host = campaign_next_host(campaign, now_ms);
        if (host == NULL)
            break;
        id = pace_id_of(pace_number_of(&host->name));
        bytes_init(&token, 100);
        assert_int_equal(bytes_append_text(&token, id.text), LASTCALL_OK);
        asked[len] = host->name.text[2];
        asked[len + 1] = '\0';
        assert_int_equal(campaign_ask(campaign, &id, &token), LASTCALL_OK);
    }
}

enum campaign_verdict pace_answer(struct campaign *campaign, size_t number,
                                  enum lastcall_status code, int64_t now_ms)
{
    struct answer answer = {.host = pace_host_name(number)};
    size_t message = CAMPAIGN_NO_MESSAGE;

    answer.claims.request_id = pace_id_of(number);
    answer.result.code = code;
    message = campaign_find_message(campaign, &answer.claims.request_id);
    if (message != CAMPAIGN_NO_MESSAGE)
        memcpy(answer.claims.request_hash, campaign->messages[message].hash,
               sizeof answer.claims.request_hash);
    return campaign_take(campaign, &answer, now_ms);
}

enum campaign_outcome pace_outcome(const struct campaign *campaign,
                                   size_t number)
{
    struct name name = pace_host_name(number);

    return campaign_find_host(campaign, &name)->outcome;
}
