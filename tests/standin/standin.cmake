# The stand-in Plex server and its tests.  The root includes this file by
# itself when only the server is wanted, hence the full paths.
set(here ${CMAKE_CURRENT_LIST_DIR})
add_executable(plex-standin
    ${here}/answer.c
    ${here}/control.c
    ${here}/fault.c
    ${here}/fault_apply.c
    ${here}/lifecycle.c
    ${here}/main.c
    ${here}/options.c
    ${here}/plex.c
    ${here}/plex_routes.c
    ${here}/query.c
    ${here}/record.c
    ${here}/render.c
    ${here}/server.c
    ${here}/sessions.c
    ${here}/standin.c
    ${here}/stream.c
    ${here}/text.c
    ${here}/tokens.c)
target_link_libraries(plex-standin PRIVATE
    lastcall_flags PkgConfig::MICROHTTPD PkgConfig::JANSSON Threads::Threads)

if(BUILD_TESTING)
    set(LASTCALL_PYTHON /usr/bin/python3 CACHE FILEPATH
        "Python with pytest, paho-mqtt, PyJWT, cryptography and jwcrypto")
    add_test(NAME standin.pytest
             COMMAND ${LASTCALL_PYTHON} -m pytest -q -p no:cacheprovider
                     ${here})
    set_tests_properties(standin.pytest PROPERTIES
        LABELS e2e TIMEOUT 120
        ENVIRONMENT "LASTCALL_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
endif()
