# Tests of the command.
lastcall_test(options LIBS lastcall_controller)
lastcall_test(controller_settings LIBS lastcall_controller)
lastcall_test(select LIBS lastcall_controller)
lastcall_test(campaign LIBS lastcall_controller)
lastcall_test(registry LIBS lastcall_controller)
lastcall_test(answer LIBS lastcall_controller)
lastcall_test(output LIBS lastcall_controller)
lastcall_test(confirm LIBS lastcall_controller)
