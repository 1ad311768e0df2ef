# Tests of files, configuration, the link and the connection.
lastcall_test(connection SOURCES unit/fake_link.c unit/seen.c unit/watch.c
              LIBS lastcall_io TIMEOUT 120)
lastcall_test(connection_flush SOURCES unit/fake_link.c unit/watch.c
              LIBS lastcall_io)
# The same tests for each filling whose library is there.
foreach(filling paho mosquitto)
    if(TARGET lastcall_link_${filling} AND NOT WIN32) # they start a broker
        lastcall_test(mqtt_link_${filling} SOURCES unit/mqtt_link_suite.c
                      unit/mqtt_link_ends.c unit/mqtt_link_tls.c
                      unit/mqtt_link_wire.c unit/mqtt_link_wired.c
                      unit/mqtt_told.c unit/mqtt_wire.c
                      unit/broker.c unit/seen.c unit/watch.c
                      LIBS lastcall_link_${filling} OpenSSL::SSL TIMEOUT 180)
    endif()
endforeach()
if(TARGET lastcall_link_mosquitto)
    lastcall_test(mqtt_wait LIBS lastcall_link_mosquitto PkgConfig::MOSQUITTO)
endif()
if(TARGET lastcall_link_mosquitto AND WIN32)
    # It changes what this user of Wine trusts, and takes it back.
    lastcall_test(tls_trust_win32
                  LIBS lastcall_link_mosquitto OpenSSL::SSL crypt32)
elseif(TARGET lastcall_link_mosquitto)
    lastcall_test(mqtt_mosquitto SOURCES unit/mqtt_told.c unit/mqtt_wire.c
                  unit/watch.c LIBS lastcall_link_mosquitto TIMEOUT 60)
    target_link_options(test_mqtt_mosquitto PRIVATE
        LINKER:--wrap=mqtt_wait_resolve)
endif()
if(TARGET lastcall_link_mosquitto AND NOT WIN32)
    # There a name has an address more, where nobody is.
    target_link_options(test_mqtt_link_mosquitto PRIVATE
        LINKER:--wrap=mqtt_wait_resolve)
    set_tests_properties(unit.mqtt_link_mosquitto PROPERTIES ENVIRONMENT
        TSAN_OPTIONS=suppressions=${CMAKE_CURRENT_SOURCE_DIR}/unit/tsan.suppressions)
endif()
if(TARGET lastcall_link_paho AND NOT WIN32)
    set_tests_properties(unit.mqtt_link_paho PROPERTIES ENVIRONMENT
        LSAN_OPTIONS=suppressions=${CMAKE_CURRENT_SOURCE_DIR}/unit/lsan.suppressions)
endif()
if(NOT WIN32)
    find_program(LASTCALL_BROKER mosquitto PATHS /usr/sbin /usr/local/sbin
                 REQUIRED)
    set_source_files_properties(unit/broker.c PROPERTIES
        COMPILE_DEFINITIONS MOSQUITTO="${LASTCALL_BROKER}")
endif()
lastcall_test(config LIBS lastcall_io)
lastcall_fuzz(config LIBS lastcall_io)
lastcall_test(store SOURCES ${scratch} LIBS lastcall_io)
lastcall_test(keyfile SOURCES ${scratch} LIBS lastcall_io)
lastcall_test(gate LIBS lastcall_io)
lastcall_test(platform SOURCES ${scratch} LIBS lastcall_io)
lastcall_test(log LIBS lastcall_io)
if(WIN32)
    lastcall_test(wide LIBS lastcall_io)
    lastcall_test(platform_win32 SOURCES ${scratch} LIBS lastcall_io)
else()
    lastcall_test(log_posix LIBS lastcall_io)
    lastcall_test(platform_posix LIBS lastcall_io)
endif()
