# Tests of both programs over a real broker, by an independent controller.
# The interpreter is the one that has the Debian packages.
set(LASTCALL_PYTHON /usr/bin/python3 CACHE FILEPATH
    "Python with pytest, paho-mqtt, PyJWT, cryptography, jwcrypto,
    jinja2 and yaml")

# e2e/test_<area>.py as CTest entry e2e.<area>.
set(LASTCALL_E2E_AREAS
    acl bridge bridge_access bridge_discovery bridge_examples bridge_faults
    bridge_life bridge_press bridge_reload bridge_run bridged_brokers campaign command_exit
    command_keys command_link command_maintenance command_output command_terminal
    command_terminal_sessions command_watch command_wts counts crash
    crash_wts default_broker harness home_assistant inventory isolation jobs
    link maintenance memory orchestrate packets plex plex_events
    plex_events_broken plex_events_forms plex_events_rogue policy refusals
    revocation service stop storm vectors worker wts)
# A file that stands in no list would never be run.
set(LASTCALL_E2E_ELSEWHERE windows_command windows_service) # wine/e2e.cmake
file(GLOB found CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_LIST_DIR}
     ${CMAKE_CURRENT_LIST_DIR}/test_*.py)
foreach(file ${found})
    string(REGEX REPLACE "^test_(.*)\\.py$" "\\1" area ${file})
    if(NOT area IN_LIST LASTCALL_E2E_AREAS AND
       NOT area IN_LIST LASTCALL_E2E_ELSEWHERE)
        message(FATAL_ERROR "tests/e2e/${file} is not in tests/e2e/e2e.cmake")
    endif()
endforeach()
# Three thousand threads are too much for a sanitizer.
if(LASTCALL_SANITIZE)
    list(REMOVE_ITEM LASTCALL_E2E_AREAS default_broker)
endif()
# Seconds until what is awaited counts as missing. A sanitizer on a busy
# machine takes ten times as long as the release build on an idle one.
set(patience 60)
if(LASTCALL_SANITIZE)
    set(patience 100)
endif()
foreach(area ${LASTCALL_E2E_AREAS})
    add_test(NAME e2e.${area}
             COMMAND ${LASTCALL_PYTHON} -m pytest -q -p no:cacheprovider
                     ${CMAKE_CURRENT_LIST_DIR}/test_${area}.py)
    set_tests_properties(e2e.${area} PROPERTIES
        LABELS e2e TIMEOUT 600
        ENVIRONMENT
        "LASTCALL_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};LASTCALL_SUPPRESSIONS=${CMAKE_CURRENT_LIST_DIR}/../unit;LASTCALL_E2E_PATIENCE=${patience};PYTHONDONTWRITEBYTECODE=1")
endforeach()
if(NOT LASTCALL_SANITIZE)
    set_tests_properties(e2e.default_broker PROPERTIES PROCESSORS 4)
endif()
# Those that take longest, most of it waiting, begin first.
foreach(area plex_events_broken plex_events plex_events_forms maintenance
             bridge_life bridged_brokers command_watch plex_events_rogue jobs)
    set_tests_properties(e2e.${area} PROPERTIES COST 100)
endforeach()
