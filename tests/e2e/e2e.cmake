# Tests of both programs over a real broker, by an independent controller.
# The interpreter is the one that has the Debian packages.
set(LASTCALL_PYTHON /usr/bin/python3 CACHE FILEPATH
    "Python with pytest, paho-mqtt, PyJWT, cryptography and jwcrypto")

# e2e/test_<area>.py as CTest entry e2e.<area>.
foreach(area acl campaign command_exit command_keys command_maintenance
             command_output command_terminal command_terminal_sessions
             command_wts counts crash crash_wts harness inventory isolation
             link maintenance memory packets plex policy refusals revocation
             service stop storm vectors worker wts)
    add_test(NAME e2e.${area}
             COMMAND ${LASTCALL_PYTHON} -m pytest -q -p no:cacheprovider
                     ${CMAKE_CURRENT_LIST_DIR}/test_${area}.py)
    set_tests_properties(e2e.${area} PROPERTIES
        LABELS e2e TIMEOUT 600
        ENVIRONMENT
        "LASTCALL_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
endforeach()
