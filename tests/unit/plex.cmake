# Tests of the Plex backend and HTTP.
