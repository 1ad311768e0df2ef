# The stand-in for the Windows session calls; README.md.
set(wts_here ${CMAKE_CURRENT_LIST_DIR})
add_library(wts_standin STATIC
    ${wts_here}/buffer.c
    ${wts_here}/rds.c
    ${wts_here}/rds_event.c
    ${wts_here}/rds_file.c
    ${wts_here}/rds_message.c
    ${wts_here}/state.c
    ${wts_here}/world_${LASTCALL_SYSTEM}.c)
target_link_libraries(wts_standin PRIVATE lastcall_flags PUBLIC Threads::Threads)
if(WIN32)
    # Not beside the programs, where somebody could take it for Windows'.
    add_library(wtsapi32 SHARED
        ${wts_here}/answer_win32.c ${wts_here}/block.c ${wts_here}/wtsapi32.c
        ${wts_here}/wtsapi32.def)
    set_target_properties(wtsapi32 PROPERTIES
        PREFIX "" RUNTIME_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/standin)
    target_link_libraries(wtsapi32 PRIVATE wts_standin lastcall_flags ws2_32)
else()
    target_sources(wts_standin PRIVATE ${wts_here}/double.c)
endif()
