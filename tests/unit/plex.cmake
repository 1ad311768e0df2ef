# Tests of the Plex backend and HTTP.
lastcall_test(plex_parse LIBS lastcall_worker)
lastcall_test(plex_track LIBS lastcall_worker)
lastcall_test(sse LIBS lastcall_worker)
lastcall_test(plex_news LIBS lastcall_worker)
lastcall_test(plex_pace LIBS lastcall_worker)

lastcall_fuzz(plex SPARE_JANSSON LIBS lastcall_worker)
lastcall_fuzz(sse SPARE_JANSSON LIBS lastcall_worker)
if(WIN32)
    return() # the stand-in Plex server is a program of Linux
endif()

lastcall_test(plex_watch TIMEOUT 60 SOURCES unit/stream_bench.c
              LIBS lastcall_worker)

# plex_standin_test(name SOURCES extra...)
#   As lastcall_test(), for tests that start the stand-in Plex server.
function(plex_standin_test name)
    cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
    lastcall_test(${name} TIMEOUT 120
                  SOURCES unit/standin_process.c ${ARG_SOURCES}
                  LIBS lastcall_worker CURL::libcurl)
    target_compile_definitions(test_${name} PRIVATE
        PLEX_STANDIN="$<TARGET_FILE:plex-standin>")
    add_dependencies(test_${name} plex-standin)
endfunction()

plex_standin_test(http_curl)
plex_standin_test(http_stream)
plex_standin_test(backend_plex SOURCES unit/plex_bench.c)
plex_standin_test(backend_plex_list SOURCES unit/plex_bench.c)

plex_standin_test(http_tls)
set(certificates ${CMAKE_CURRENT_BINARY_DIR}/certificates)
target_compile_definitions(test_http_tls PRIVATE
    CERTIFICATES="${certificates}")
add_test(NAME unit.http_tls.certificates
         COMMAND ${CMAKE_COMMAND} -DFOLDER=${certificates}
                 -P ${CMAKE_CURRENT_SOURCE_DIR}/unit/certificates.cmake)
set_tests_properties(unit.http_tls.certificates PROPERTIES
    LABELS unit TIMEOUT 60 FIXTURES_SETUP certificates)
set_tests_properties(unit.http_tls PROPERTIES FIXTURES_REQUIRED certificates)
