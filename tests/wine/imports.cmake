# What the header of a Windows program says: it imports "known DLLs" only,
# which Windows takes from System32 whatever lies beside the program, and it
# is hardened.  PROGRAM is the file, OBJDUMP reads it.
cmake_minimum_required(VERSION 3.22)

# HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\KnownDLLs, of what
# every supported Windows has there.
set(known advapi32 gdi32 kernel32 msvcrt ole32 oleaut32 rpcrt4 shell32 shlwapi
    user32 ws2_32)

execute_process(
    COMMAND ${OBJDUMP} -p ${PROGRAM}
    OUTPUT_VARIABLE header COMMAND_ERROR_IS_FATAL ANY)

string(REGEX MATCHALL "DLL Name: [^\n]*" imports "${header}")
list(TRANSFORM imports REPLACE "DLL Name: " "")
list(LENGTH imports count)
if(count EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} has no imports that objdump can see")
endif()
foreach(import IN LISTS imports)
    string(TOLOWER "${import}" name)
    string(REGEX REPLACE "\\.dll$" "" name "${name}")
    if(NOT name IN_LIST known)
        message(SEND_ERROR
                "${PROGRAM} imports ${import}, which Windows looks for in the "
                "program's own folder first. Load it from System32 instead: "
                "deploy/windows/delayed.cmake.")
    endif()
endforeach()

foreach(flag HIGH_ENTROPY_VA DYNAMIC_BASE NX_COMPAT)
    if(NOT header MATCHES "[ \t]${flag}")
        message(SEND_ERROR "${PROGRAM} does not have ${flag}")
    endif()
endforeach()
# Without relocations the address cannot be moved, whatever the flags say.
if(NOT header MATCHES "Base Relocation Directory \\[\\.reloc\\]" OR
   header MATCHES "Entry 5 0+ 0+ Base" OR header MATCHES "relocations stripped")
    message(SEND_ERROR "${PROGRAM} has no table of relocations")
endif()
string(REPLACE ";" " " imports "${imports}")
message(STATUS "${PROGRAM}: ${imports}")
