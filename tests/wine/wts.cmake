# The Windows session calls under Wine, over the stand-in's DLL.
include(${CMAKE_CURRENT_LIST_DIR}/../standin/wts/wts.cmake)

# It takes the place of Wine's own in the system's folder, from where alone
# the worker loads it.
add_test(NAME wine.wtsapi32
         COMMAND ${CMAKE_COMMAND} -E copy $<TARGET_FILE:wtsapi32>
                 ${LASTCALL_WINE_PREFIX}/drive_c/windows/system32/wtsapi32.dll)
set_tests_properties(wine.wtsapi32 PROPERTIES
    FIXTURES_SETUP wtsapi32 FIXTURES_REQUIRED wine LABELS wine TIMEOUT 30)

foreach(name wts_api wts_api_act wts_conformance wts_conformance_act)
    lastcall_test(${name} LIBS wts_standin lastcall_worker TIMEOUT 120
                  SOURCES unit/wts_bench.c unit/wts_stage.c
                          unit/wts_stage_win32.c)
    set_tests_properties(unit.${name} PROPERTIES
        FIXTURES_REQUIRED "wine;wtsapi32")
endforeach()

# Once over what Wine has itself.
lastcall_test(wts_stock LIBS lastcall_worker)
set_tests_properties(unit.wts_stock PROPERTIES
    FIXTURES_REQUIRED wine ENVIRONMENT LASTCALL_OVERRIDES=wtsapi32=b)
