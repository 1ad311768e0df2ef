/*
 * A campaign whose hosts are asked one by one, without a link: the test does
 * what dispatch would.
 */
#ifndef LASTCALL_TESTS_UNIT_PACE_STAGE_H
#define LASTCALL_TESTS_UNIT_PACE_STAGE_H

#include <stddef.h>
#include <stdint.h>

#include "controller/campaign.h"

#define PACE_START_MS INT64_C(1000000)
#define PACE_TIMEOUT_MS INT64_C(10000)
#define PACE_TTL_MS INT64_C(60000)

/* "h07" for 7, and back; the id of the request that it is asked with. */
struct name pace_host_name(size_t number);
size_t pace_number_of(const struct name *name);
struct request_id pace_id_of(size_t number);

/* What a text means; NULL is no share. */
struct pace_share pace_share(const char *text);

/* Begin a campaign; '-' in states is a host that is offline. */
void pace_begin(struct campaign *campaign, const char *states,
                const struct campaign_pace *pace);

/* Do what dispatch does: send what is due, ask whom it may.  Appends a digit
 * for each host that is asked. */
void pace_go(struct campaign *campaign, int64_t now_ms, char *asked);

/* An answer of a host comes in. */
enum campaign_verdict pace_answer(struct campaign *campaign, size_t number,
                                  enum lastcall_status code, int64_t now_ms);

/* What a host has come to. */
enum campaign_outcome pace_outcome(const struct campaign *campaign,
                                   size_t number);

#endif
