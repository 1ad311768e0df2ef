/*
 * Topics: built and parsed in one place (PROTOCOL.md, section 1).
 */
#ifndef LASTCALL_PROTOCOL_TOPIC_H
#define LASTCALL_PROTOCOL_TOPIC_H

#include "protocol/name.h"
#include "protocol/status.h"

/* fleet/v1/host/h/result/controller/id: four names, an id and the words. */
#define TOPIC_LEN_MAX 384

struct topic {
    char text[TOPIC_LEN_MAX + 1];
};

/* Whom a command addresses; also the claim "aud" of a command. */
enum address_kind {
    ADDRESS_ALL,
    ADDRESS_GROUP,
    ADDRESS_HOST,
};

struct address {
    enum address_kind kind;
    struct name name; /* "" for ADDRESS_ALL */
};

/* "group:" and a name. */
#define ADDRESS_TEXT_SIZE (6 + NAME_LEN_MAX + 1)

/* Write an address as "all", "group:<g>" or "host:<h>". */
void address_format(const struct address *address,
                    char text[ADDRESS_TEXT_SIZE]);

/* Read an address; LASTCALL_OK or LASTCALL_E_SYNTAX. */
LASTCALL_MUST_USE enum lastcall_status address_parse(const char *text,
                                                     struct address *out);

/* Say whether two addresses are the same. */
bool address_is_equal(const struct address *a, const struct address *b);

enum topic_kind {
    TOPIC_COMMAND,     /* address */
    TOPIC_RESULT,      /* host, controller, request_id */
    TOPIC_STATUS,      /* host */
    TOPIC_SESSIONS,    /* host, server */
    TOPIC_EVENT,       /* host, server */
    TOPIC_MAINTENANCE, /* address, plan */
    TOPIC_REVOKED,
};

/* A topic taken apart; members that its kind does not use are "". */
struct topic_parts {
    enum topic_kind kind;
    struct address address;
    struct name host;
    struct name server;
    struct name controller;
    struct name plan;
    struct request_id request_id;
};

/*
 * Take a received topic apart.
 *
 *   fleet  the fleet that the topic must begin with
 *   topic  as received, NUL-terminated; may be hostile
 *   out    filled on LASTCALL_OK, zero on error
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX (not one of this fleet's topics).
 */
LASTCALL_MUST_USE enum lastcall_status
topic_parse(const char *fleet, const char *topic, struct topic_parts *out);

/*
 * Build the topic for its parts.  The members that parts->kind uses must be
 * valid; where "+" is wanted for a subscription, the member's text is "+".
 */
void topic_format(const char *fleet, const struct topic_parts *parts,
                  struct topic *out);

#endif
