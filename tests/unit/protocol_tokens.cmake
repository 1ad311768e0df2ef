# Tests of tokens, keys, names and topics.
lastcall_test(bytes LIBS lastcall_protocol)
lastcall_test(name LIBS lastcall_protocol)
lastcall_test(json_strict LIBS lastcall_protocol)
lastcall_test(moment LIBS lastcall_protocol)
lastcall_test(topic LIBS lastcall_protocol)
lastcall_test(token LIBS lastcall_protocol)
lastcall_fuzz(token LIBS lastcall_protocol)
lastcall_fuzz(topic LIBS lastcall_protocol)
