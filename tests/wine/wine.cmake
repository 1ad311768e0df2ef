# Tests of the Windows programs, under Wine.  The emulator is tests/wine/run.
set(LASTCALL_WINE ${CMAKE_CURRENT_SOURCE_DIR}/wine/run)

# Wine's server stays while tests run: started anew for each it takes seconds.
add_test(NAME wine.start COMMAND ${LASTCALL_WINE} --stay)
add_test(NAME wine.end COMMAND ${LASTCALL_WINE} --end)
set_tests_properties(wine.start PROPERTIES
    FIXTURES_SETUP wine LABELS wine TIMEOUT 120)
set_tests_properties(wine.end PROPERTIES
    FIXTURES_CLEANUP wine LABELS wine TIMEOUT 30)
