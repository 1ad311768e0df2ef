# layers.cmake must go red for each kind of offence, or it proves nothing.
set(work ${CMAKE_CURRENT_BINARY_DIR}/layers_selftest)
function(expect_offence name file text)
    file(REMOVE_RECURSE ${work})
    file(WRITE ${work}/${file} "${text}\n")
    execute_process(
        COMMAND ${CMAKE_COMMAND} -DROOT=${work} -P ${ROOT}/tests/layers.cmake
        RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    if(NOT failed)
        message(SEND_ERROR "layers.cmake let this pass: ${name}")
    endif()
endfunction()
expect_offence("upward include" protocol/x.c
               "#include \"worker/policy.h\"")
expect_offence("io from pure" protocol/x.c
               "#include \"protocol/io/log.h\"")
expect_offence("sideways include" controller/x.c
               "#include \"worker/policy.h\"")
expect_offence("jansson elsewhere" worker/x.c "#include <jansson.h>")
expect_offence("thread in pure" protocol/x.c "#include <pthread.h>")
expect_offence("banned call" worker/x.c "int f(char *a) { return atoi(a); }")
expect_offence("relative include" worker/x.c "#include \"policy.h\"")
file(REMOVE_RECURSE ${work})
file(WRITE ${work}/worker/x.c "#include \"protocol/key.h\"\n")
execute_process(
    COMMAND ${CMAKE_COMMAND} -DROOT=${work} -P ${ROOT}/tests/layers.cmake
    RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE why)
if(failed)
    message(SEND_ERROR "layers.cmake refused a clean file: ${why}")
endif()
file(REMOVE_RECURSE ${work})
