/*
 * Between campaign.c and campaign_send.c only: what is sent when, and given up
 * when.
 */
#ifndef LASTCALL_CONTROLLER_CAMPAIGN_SEND_H
#define LASTCALL_CONTROLLER_CAMPAIGN_SEND_H

#include "controller/campaign.h"

/* A host has come to an outcome: in campaign.c. */
void campaign_settle(struct campaign *campaign, struct campaign_host *host,
                     enum campaign_outcome outcome, int64_t now_ms);

/* Give up on the hosts whose time is over. */
void campaign_give_up(struct campaign *campaign, int64_t now_ms);

/* Say whether something is still to be sent for the first time; hosts that are
 * offline have their turn meanwhile. */
bool campaign_has_unsent(struct campaign *campaign, int64_t now_ms);

/* When it ends because nothing can be sent; INT64_MAX: not for that. */
int64_t campaign_stall_ms(const struct campaign *campaign);

#endif
