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
target_link_libraries(bench_driver PRIVATE lastcall_flags lastcall_io)
