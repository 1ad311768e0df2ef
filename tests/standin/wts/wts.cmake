# The stand-in for the Windows session calls; README.md.
set(wts_here ${CMAKE_CURRENT_LIST_DIR})
add_library(wts_standin STATIC
    ${wts_here}/buffer.c
    ${wts_here}/rds.c
    ${wts_here}/rds_event.c
    ${wts_here}/rds_message.c
    ${wts_here}/state.c
    ${wts_here}/world_${LASTCALL_SYSTEM}.c)
target_link_libraries(wts_standin PRIVATE lastcall_flags PUBLIC Threads::Threads)
if(NOT WIN32)
    target_sources(wts_standin PRIVATE ${wts_here}/double.c)
endif()
