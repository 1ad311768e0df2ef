# Tests of the Windows service.
foreach(name access_win32 service_win32)
    lastcall_test(${name} LIBS lastcall_worker)
    set_tests_properties(unit.${name} PROPERTIES FIXTURES_REQUIRED wine)
endforeach()
