/*
 * The XML that Plex writes, as the tree that its JSON would give.
 *
 * Plex answers XML when it is starting, behind some proxies, and in its
 * Preferences.xml.  It uses elements and attributes only, and so does this
 * reader: text between elements is passed over, a document type, CDATA and
 * every entity but the five predefined ones and numeric references are
 * refused.  Nothing recurses and every count has a limit.
 *
 * An element becomes an object with its attributes as texts; its child
 * elements become arrays named after them.  The children of a MediaContainer
 * (Video, Track, Photo, ...) all go into one array "Metadata", in their order,
 * as they do in JSON.
 */
#ifndef LASTCALL_WORKER_PLEX_XML_H
#define LASTCALL_WORKER_PLEX_XML_H

#include <stddef.h>

#include "protocol/json_strict.h"
#include "protocol/status.h"

#define PLEX_XML_DEPTH_MAX 16
#define PLEX_XML_ELEMENT_COUNT_MAX 300000
#define PLEX_XML_ATTRIBUTE_COUNT_MAX 256 /* of one element */
#define PLEX_XML_NAME_LEN_MAX 63

/*
 * Read a document.
 *
 *   data, len  UTF-8; hostile input is fine
 *   out        {"<name of the root>": {...}}, a new reference on LASTCALL_OK,
 *              else NULL
 *   error      says what is wrong
 *
 * Returns LASTCALL_OK, LASTCALL_E_ENCODING (not well-formed, or a construct
 *         that is refused), LASTCALL_E_TOO_LARGE, LASTCALL_E_NOMEM.
 */
LASTCALL_MUST_USE enum lastcall_status plex_xml_parse(const char *data,
                                                      size_t len, json_t **out,
                                                      struct json_error *error);

#endif
