# Tests of grants, requests, results, sessions, filters.
lastcall_test(session LIBS lastcall_protocol)
lastcall_test(filter LIBS lastcall_protocol)
