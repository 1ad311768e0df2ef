# Tests of the command.
lastcall_test(controller_settings LIBS lastcall_controller)
