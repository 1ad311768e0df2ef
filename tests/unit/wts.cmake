# Tests of messages and the WTS backend.
lastcall_test(message_style LIBS lastcall_protocol)

include(${CMAKE_CURRENT_LIST_DIR}/../standin/wts/wts.cmake)
lastcall_test(wts_api SOURCES unit/wts_stage.c unit/wts_stage_posix.c
              LIBS wts_standin lastcall_worker)
