# Tests of the Plex backend and HTTP.
lastcall_test(plex_parse LIBS lastcall_worker)
