# Standard, warnings, hardening and sanitizers in one INTERFACE target that
# every target of ours links PRIVATE.
if(NOT WIN32)
    include(CheckPIESupported)
    check_pie_supported()
    set(CMAKE_POSITION_INDEPENDENT_CODE ON)
endif()
# Assertions stay in release builds: a program with rights on other people's
# machines stops where its author's reasoning was wrong.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO
       "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

add_library(lastcall_flags INTERFACE)
target_include_directories(lastcall_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(lastcall_flags INTERFACE
    LASTCALL_VERSION="${PROJECT_VERSION}")
if(WIN32)
    # 0x0601 is Windows 7 and Server 2008 R2.  mingw's own printf knows %zu and
    # %lld, msvcrt's of those days does not.
    target_compile_definitions(lastcall_flags INTERFACE
        _WIN32_WINNT=0x0601 WIN32_LEAN_AND_MEAN NOMINMAX
        UNICODE _UNICODE __USE_MINGW_ANSI_STDIO=1)
else()
    target_compile_definitions(lastcall_flags INTERFACE
        _POSIX_C_SOURCE=200809L)
endif()
target_compile_options(lastcall_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
    -Wcast-qual -Wwrite-strings -Wmissing-prototypes -Wstrict-prototypes
    -Wformat=2 -Wimplicit-fallthrough -Wundef -Wvla -Wswitch-enum
    -fstack-protector-strong)
if(LASTCALL_WERROR)
    target_compile_options(lastcall_flags INTERFACE -Werror)
endif()
target_compile_options(lastcall_flags INTERFACE
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
    $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
if(WIN32)
    # One file, the system's libraries apart; tests/wine/imports.cmake has the
    # list of those.
    target_link_options(lastcall_flags INTERFACE
        -static -fstack-protector-strong
        LINKER:--dynamicbase LINKER:--nxcompat LINKER:--high-entropy-va)
    include(deploy/windows/delayed.cmake)
else()
    target_link_options(lastcall_flags INTERFACE
        LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
endif()

# What the two programs link besides, and nothing else does.
add_library(lastcall_program INTERFACE)
target_link_libraries(lastcall_program INTERFACE lastcall_flags)
if(WIN32)
    target_sources(lastcall_program INTERFACE
        ${PROJECT_SOURCE_DIR}/protocol/io/system_dll_win32.c)
endif()

if(LASTCALL_SANITIZE)
    target_compile_options(lastcall_flags INTERFACE
        -fsanitize=${LASTCALL_SANITIZE} -fno-sanitize-recover=all
        -fno-omit-frame-pointer)
    target_link_options(lastcall_flags INTERFACE
        -fsanitize=${LASTCALL_SANITIZE})
endif()
if(LASTCALL_FUZZ)
    target_compile_options(lastcall_flags INTERFACE
        -fsanitize=fuzzer-no-link)
endif()
