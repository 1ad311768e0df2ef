# Tests of the Plex backend and HTTP.
lastcall_test(plex_parse LIBS lastcall_worker)

# plex_standin_test(name ...)
#   As lastcall_test(), for tests that start the stand-in Plex server.
function(plex_standin_test name)
    lastcall_test(${name} SOURCES unit/standin_process.c TIMEOUT 120
                  LIBS lastcall_worker CURL::libcurl ${ARGN})
    target_compile_definitions(test_${name} PRIVATE
        PLEX_STANDIN="$<TARGET_FILE:plex-standin>")
    add_dependencies(test_${name} plex-standin)
endfunction()

plex_standin_test(http_curl)
