# Tests of the Windows service.
lastcall_test(service_win32 LIBS lastcall_worker)
set_tests_properties(unit.service_win32 PROPERTIES FIXTURES_REQUIRED wine)
