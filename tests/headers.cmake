# Compile each header twice by itself: it includes what it needs, and its
# guard works.
file(GLOB_RECURSE headers RELATIVE ${ROOT}
     ${ROOT}/protocol/*.h ${ROOT}/worker/*.h ${ROOT}/controller/*.h)
list(LENGTH headers count)
if(count EQUAL 0)
    message(FATAL_ERROR "no headers found below ${ROOT}")
endif()
find_program(CC_WIN32 x86_64-w64-mingw32-gcc)
foreach(header IN LISTS headers)
    set(compiler ${CC} -D_POSIX_C_SOURCE=200809L)
    if(header MATCHES "_win32\\.h$")
        if(NOT CC_WIN32)
            message(STATUS "${header}: no compiler for Windows, not tried")
            continue()
        endif()
        set(compiler ${CC_WIN32} -D_WIN32_WINNT=0x0601)
    endif()
    set(probe "#include \"${header}\"\n#include \"${header}\"\n")
    string(APPEND probe "extern int lastcall_probe;\n")
    string(MD5 id ${header})
    set(file ${CMAKE_CURRENT_BINARY_DIR}/header_${id}.c)
    file(WRITE ${file} "${probe}")
    execute_process(
        COMMAND ${compiler} -std=c11 -Wall -Wextra -Wpedantic -Werror
                -fsyntax-only -I${ROOT} ${file}
        RESULT_VARIABLE failed ERROR_VARIABLE why)
    file(REMOVE ${file})
    if(failed)
        message(SEND_ERROR "${header} does not compile alone:\n${why}")
    endif()
endforeach()
message(STATUS "${count} headers compile alone")
