# Tests of messages and the WTS backend.
lastcall_test(message_style LIBS lastcall_protocol)
