# Tests of the stand-in Plex server.
