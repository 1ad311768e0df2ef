# Tests of messages and the WTS backend.
lastcall_test(message_style LIBS lastcall_protocol)

# wts_fake_test(name)
#   As lastcall_test(), over Windows' session calls in memory.
function(wts_fake_test name)
    lastcall_test(${name} TIMEOUT 60
                  SOURCES unit/fake_wts.c unit/watch.c unit/fake_desktop.c
                  LIBS lastcall_worker)
endfunction()

wts_fake_test(backend_wts)
wts_fake_test(wts_act)
wts_fake_test(wts_call)
wts_fake_test(wts_error)
wts_fake_test(wts_message)
lastcall_test(wts_session LIBS lastcall_worker)

if(WIN32)
    return() # wine/wts.cmake has the suite over the stand-in wtsapi32.dll
endif()
include(${CMAKE_CURRENT_LIST_DIR}/../standin/wts/wts.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/../standin/wts/worker.cmake)
foreach(name wts_api wts_api_act wts_conformance wts_conformance_act)
    lastcall_test(${name} LIBS wts_standin lastcall_worker TIMEOUT 120
                  SOURCES unit/wts_bench.c unit/wts_stage.c
                          unit/wts_stage_posix.c)
endforeach()
