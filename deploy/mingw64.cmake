# Toolchain file: 64-bit Windows programs with Debian's mingw-w64.
#
# The libraries are those of deploy/windows/build-deps, which this file runs
# unless LASTCALL_MINGW_PREFIX, in the environment, names a prefix with them.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)
set(CMAKE_OBJDUMP x86_64-w64-mingw32-objdump)

# The environment, because this file is read again in each try_compile().
if(NOT DEFINED ENV{LASTCALL_MINGW_PREFIX})
    execute_process(
        COMMAND ${CMAKE_CURRENT_LIST_DIR}/windows/build-deps
        OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE
        RESULT_VARIABLE code)
    if(NOT code EQUAL 0)
        message(FATAL_ERROR
                "deploy/windows/build-deps failed; its reason stands above. "
                "Run it by itself, or name the prefix of ready libraries in "
                "the environment as LASTCALL_MINGW_PREFIX.")
    endif()
    set(ENV{LASTCALL_MINGW_PREFIX} "${prefix}")
endif()
set(prefix "$ENV{LASTCALL_MINGW_PREFIX}")
# What was found is remembered with its full path.
if(DEFINED CACHE{LASTCALL_MINGW_USED} AND NOT LASTCALL_MINGW_USED STREQUAL prefix)
    message(FATAL_ERROR
            "The libraries are others than at the last time. Remove "
            "${CMAKE_BINARY_DIR}/CMakeCache.txt and configure again.")
endif()
set(LASTCALL_MINGW_USED "${prefix}" CACHE INTERNAL "")

set(CMAKE_FIND_ROOT_PATH ${prefix} /usr/x86_64-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_PREFIX_PATH /)
set(OPENSSL_USE_STATIC_LIBS ON)
set(ENV{PKG_CONFIG_LIBDIR} "${prefix}/lib/pkgconfig")
set(ENV{PKG_CONFIG_PATH} "")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "")

set(CMAKE_CROSSCOMPILING_EMULATOR ${CMAKE_CURRENT_LIST_DIR}/../tests/wine/run)
