# Import libraries that load a system DLL at its first use, not at the start.
#
# What a program imports the ordinary way is looked for in its own folder
# first, the "known DLLs" apart (learn.microsoft.com, "Dynamic-link library
# search order"), so that a bcrypt.dll put beside a program would run in it.
# Loaded later, it is taken from System32: protocol/io/system_dll_win32.c.
set(LASTCALL_DELAYED_DLLS bcrypt crypt32)

set(directory ${PROJECT_BINARY_DIR}/delayed)
foreach(dll IN LISTS LASTCALL_DELAYED_DLLS)
    set(library ${directory}/lib${dll}.a)
    if(NOT EXISTS ${library})
        execute_process(
            COMMAND ${CMAKE_C_COMPILER} -print-file-name=lib${dll}.a
            OUTPUT_VARIABLE ordinary OUTPUT_STRIP_TRAILING_WHITESPACE
            COMMAND_ERROR_IS_FATAL ANY)
        execute_process(
            COMMAND ${CMAKE_NM} --defined-only ${ordinary}
            OUTPUT_VARIABLE symbols ERROR_QUIET COMMAND_ERROR_IS_FATAL ANY)
        string(REGEX MATCHALL " T [A-Za-z0-9_]+" names "${symbols}")
        list(TRANSFORM names REPLACE " T " "")
        list(JOIN names "\n" names)
        file(WRITE ${directory}/${dll}.def
             "LIBRARY ${dll}.dll\nEXPORTS\n${names}\n")
        execute_process(
            COMMAND ${CMAKE_DLLTOOL} -d ${dll}.def -D ${dll}.dll -y lib${dll}.a
            WORKING_DIRECTORY ${directory} COMMAND_ERROR_IS_FATAL ANY)
    endif()
endforeach()
# Found before those of the same name that the compiler has.
target_link_directories(lastcall_flags INTERFACE ${directory})
# At the very end of each link, after whatever refers to them.
list(TRANSFORM LASTCALL_DELAYED_DLLS PREPEND "-l" OUTPUT_VARIABLE last)
list(JOIN last " " last)
string(PREPEND CMAKE_C_STANDARD_LIBRARIES "-lws2_32 ${last} -ldelayimp -lssp ")
