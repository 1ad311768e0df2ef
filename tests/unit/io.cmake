# Tests of files, configuration, the link and the connection.
lastcall_test(connection LIBS lastcall_io TIMEOUT 120)
