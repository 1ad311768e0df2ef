# Tests of the Windows programs, under Wine.  The emulator is tests/wine/run.
set(LASTCALL_WINE ${CMAKE_CURRENT_SOURCE_DIR}/wine/run)
set(LASTCALL_WINE_PREFIX ${PROJECT_SOURCE_DIR}/build/mingw/wine/prefix)

# Wine's server stays while tests run: started anew for each it takes seconds.
add_test(NAME wine.reset COMMAND ${LASTCALL_WINE} --reset)
add_test(NAME wine.start COMMAND ${LASTCALL_WINE} --stay)
add_test(NAME wine.end COMMAND ${LASTCALL_WINE} --end)
set_tests_properties(wine.reset PROPERTIES
    FIXTURES_SETUP wine_reset LABELS wine TIMEOUT 120)
set_tests_properties(wine.start PROPERTIES
    FIXTURES_SETUP wine FIXTURES_REQUIRED wine_reset LABELS wine TIMEOUT 120)
set_tests_properties(wine.end PROPERTIES
    FIXTURES_CLEANUP wine LABELS wine TIMEOUT 30)

# The programs import what Windows takes from System32 alone, are hardened,
# and load nothing from their own folder.
foreach(program lastcall lastcall-worker)
    add_test(NAME tree.imports.${program}
             COMMAND ${CMAKE_COMMAND} -DOBJDUMP=${CMAKE_OBJDUMP}
                     -DPROGRAM=$<TARGET_FILE:${program}>
                     -P ${CMAKE_CURRENT_SOURCE_DIR}/wine/imports.cmake)
    set_tests_properties(tree.imports.${program} PROPERTIES
        LABELS tree TIMEOUT 30)
endforeach()
add_library(planted MODULE wine/planted.c)
set_target_properties(planted PROPERTIES PREFIX "")
add_executable(planted_victim wine/planted_victim.c)
target_link_libraries(planted PRIVATE lastcall_flags)
target_link_libraries(planted_victim PRIVATE lastcall_flags)
add_test(NAME wine.planted
         COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/wine/planted
                 $<TARGET_FILE_DIR:planted_victim>
                 $<TARGET_FILE:lastcall> $<TARGET_FILE:lastcall-worker>
                 $<TARGET_FILE:test_wts_api>)
set_target_properties(planted PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY $<TARGET_FILE_DIR:planted_victim>)
set_tests_properties(wine.planted PROPERTIES
    FIXTURES_REQUIRED "wine;wtsapi32" LABELS wine TIMEOUT 60)

add_test(NAME wine.command
         COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/wine/command
                 $<TARGET_FILE:lastcall> $<TARGET_FILE:lastcall-worker>)
# Services have their configuration in the same folder.
set_tests_properties(wine.command PROPERTIES
    FIXTURES_REQUIRED wine LABELS wine TIMEOUT 60 RUN_SERIAL ON)

include(${CMAKE_CURRENT_LIST_DIR}/wts.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/e2e.cmake)
