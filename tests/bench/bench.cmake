# The benchmark's programs; tests/bench/run runs them, no test does.
add_executable(bench_plexstub bench/plexstub.c)
target_link_libraries(bench_plexstub PRIVATE lastcall_flags)
if(eclipse-paho-mqtt-c_FOUND)
    add_executable(bench_floor bench/floor.c)
    target_link_libraries(bench_floor PRIVATE lastcall_flags
        eclipse-paho-mqtt-c::paho-mqtt3as CURL::libcurl OpenSSL::Crypto
        PkgConfig::JANSSON Threads::Threads)
endif()
add_executable(bench_driver bench/driver.c)
target_link_libraries(bench_driver PRIVATE lastcall_flags
    lastcall_link_${LASTCALL_MQTT})

# The fleet: tests/bench/fleet/run.  many.c fills protocol/io/connection.h, so
# that the library's own filling is not linked.
add_executable(bench_fleet_hosts bench/fleet/hosts_main.c bench/fleet/hosts.c
    bench/fleet/backend.c bench/fleet/many.c bench/fleet/many_connection.c
    bench/fleet/stream.c bench/fleet/count.c)
target_link_libraries(bench_fleet_hosts PRIVATE lastcall_flags lastcall_worker
    ${CMAKE_DL_LIBS})
# Loaded before whatever the command is built with, so without sanitizers.
add_library(bench_fleet_count MODULE bench/fleet/count.c)
target_link_libraries(bench_fleet_count PRIVATE OpenSSL::Crypto ${CMAKE_DL_LIBS})
set_target_properties(bench_fleet_count PROPERTIES PREFIX "" C_STANDARD 11
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
target_include_directories(bench_fleet_count PRIVATE ${PROJECT_SOURCE_DIR})
add_executable(bench_fleet_floor bench/fleet/floor.c bench/fleet/stream.c)
target_link_libraries(bench_fleet_floor PRIVATE lastcall_flags lastcall_io
    Threads::Threads)

# Twenty hosts, so that it does not rot; what it measures is no verdict.
add_test(NAME e2e.fleet
         COMMAND ${LASTCALL_PYTHON} ${CMAKE_CURRENT_LIST_DIR}/fleet/run 20
                 --rounds 1 --timeout 20 --bin ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
set_tests_properties(e2e.fleet PROPERTIES LABELS e2e TIMEOUT 180
    ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1")
