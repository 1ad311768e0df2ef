# Tests of the Windows service.
foreach(name access_win32 log_events_win32 service_install_win32 service_win32)
    lastcall_test(${name} LIBS lastcall_worker)
    set_tests_properties(unit.${name} PROPERTIES FIXTURES_REQUIRED wine)
endforeach()
lastcall_test(guarded_win32 SOURCES ${scratch} LIBS lastcall_worker)
set_tests_properties(unit.guarded_win32 PROPERTIES FIXTURES_REQUIRED wine)
target_compile_definitions(test_log_events_win32 PRIVATE
    WORKER_PROGRAM="$<TARGET_FILE:lastcall-worker>")
add_dependencies(test_log_events_win32 lastcall-worker)
