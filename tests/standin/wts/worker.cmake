# The worker with the stand-in for Windows; for tests alone, never installed.
add_executable(lastcall-worker-standin
    ${PROJECT_SOURCE_DIR}/worker/main.c
    ${CMAKE_CURRENT_LIST_DIR}/backends_standin.c)
target_link_libraries(lastcall-worker-standin PRIVATE
    wts_standin lastcall_worker lastcall_link_${LASTCALL_MQTT} lastcall_flags)
