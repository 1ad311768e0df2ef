# Tests of files, configuration, the link and the connection.
