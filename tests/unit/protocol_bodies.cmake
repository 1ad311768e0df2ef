# Tests of grants, requests, results, sessions, filters.
lastcall_test(session LIBS lastcall_protocol)
lastcall_test(filter LIBS lastcall_protocol)
lastcall_fuzz(request LIBS lastcall_protocol)
lastcall_fuzz(result LIBS lastcall_protocol)
lastcall_fuzz(filter LIBS lastcall_protocol)
lastcall_fuzz(grant LIBS lastcall_protocol)
