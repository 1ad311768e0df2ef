# Tests of grants, requests, results, sessions, filters.
lastcall_test(session LIBS lastcall_protocol)
lastcall_test(text LIBS lastcall_protocol)
lastcall_test(filter LIBS lastcall_protocol)
lastcall_test(request LIBS lastcall_protocol)
lastcall_test(maintenance LIBS lastcall_protocol)
lastcall_test(result LIBS lastcall_protocol)
lastcall_test(result_tally LIBS lastcall_protocol)
lastcall_test(presence LIBS lastcall_protocol)
lastcall_test(grant LIBS lastcall_protocol)
lastcall_test(revocation LIBS lastcall_protocol)
lastcall_test(trust LIBS lastcall_protocol)
lastcall_fuzz(request LIBS lastcall_protocol)
lastcall_fuzz(maintenance LIBS lastcall_protocol)
lastcall_fuzz(result LIBS lastcall_protocol)
lastcall_fuzz(filter LIBS lastcall_protocol)
lastcall_fuzz(grant LIBS lastcall_protocol)

# The published vectors, by the C library alone; e2e/test_vectors.py is the
# other.
lastcall_test(vectors LIBS lastcall_protocol)
