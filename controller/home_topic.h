/*
 * The bridge's topics at home, below F/ha/ and below the discovery prefix:
 * built and parsed in one place.
 */
#ifndef LASTCALL_CONTROLLER_HOME_TOPIC_H
#define LASTCALL_CONTROLLER_HOME_TOPIC_H

#include "protocol/name.h"
#include "protocol/status.h"
#include "protocol/topic.h"

enum home_topic_kind {
    HOME_BRIDGE_STATE,  /* F/ha/bridge/state      online, offline; retained */
    HOME_BRIDGE_PRESS,  /* F/ha/bridge/press      a button's id */
    HOME_BRIDGE_RESULT, /* F/ha/bridge/result     an event */
    HOME_HOST_STATE,    /* F/ha/host/<h>/state    online, offline; retained */
    HOME_HOST_SESSIONS, /* F/ha/host/<h>/sessions/<server>       retained */
    HOME_HOST_EVENT,    /* F/ha/host/<h>/event    an event */
    HOME_HOST_PRESS,    /* F/ha/host/<h>/press    a button's id */
    HOME_HOST_RESULT,   /* F/ha/host/<h>/result   an event */
    HOME_TOPIC_COUNT
};

#define HOME_ONLINE "online"
#define HOME_OFFLINE "offline"

/* A topic taken apart; members that its kind does not use are "". */
struct home_topic {
    enum home_topic_kind kind;
    struct name host;
    struct name server;
};

/*
 * Build a topic.  Where "+" is wanted for a subscription, the member's text is
 * "+".
 */
void home_topic_format(const char *fleet, const struct home_topic *parts,
                       struct topic *out);

/*
 * Take a received topic apart.
 *
 *   topic  may be hostile
 *   out    filled on LASTCALL_OK, zero on error
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX (none of this bridge's).
 */
LASTCALL_MUST_USE enum lastcall_status
home_topic_parse(const char *fleet, const char *topic, struct home_topic *out);

/*
 * The object id of a device: "lastcall_<fleet>_<host>", of the bridge's own
 * "lastcall_<fleet>".  Home Assistant takes letters, digits, '_' and '-':
 * a '.' is written "__".  Names begin with a letter or a digit, so no two
 * devices share an id.
 */
#define HOME_OBJECT_ID_SIZE (sizeof "lastcall_" + 4 * (size_t)NAME_LEN_MAX + 1)

/* Write the object id of a device; host "" is the bridge's own. */
void home_object_id(const char *fleet, const struct name *host,
                    char out[HOME_OBJECT_ID_SIZE]);

/* Build "<prefix>/device/<object id>/config"; host "" is the bridge's own. */
void home_discovery_topic_format(const char *prefix, const char *fleet,
                                 const struct name *host, struct topic *out);

/*
 * Take a discovery topic apart.
 *
 *   topic  may be hostile
 *   host   filled on LASTCALL_OK; "" for the bridge's own device
 *
 * Returns LASTCALL_OK, LASTCALL_E_SYNTAX (no device of this fleet).
 */
LASTCALL_MUST_USE enum lastcall_status
home_discovery_topic_parse(const char *prefix, const char *fleet,
                           const char *topic, struct name *host);

#endif
