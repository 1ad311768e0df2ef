# The stand-in Plex server and the tests of it.
add_executable(plex-standin
    standin/answer.c
    standin/control.c
    standin/fault.c
    standin/fault_apply.c
    standin/lifecycle.c
    standin/main.c
    standin/options.c
    standin/plex.c
    standin/plex_routes.c
    standin/query.c
    standin/record.c
    standin/render.c
    standin/server.c
    standin/sessions.c
    standin/standin.c
    standin/text.c
    standin/tokens.c)
target_link_libraries(plex-standin PRIVATE
    lastcall_flags PkgConfig::MICROHTTPD PkgConfig::JANSSON Threads::Threads)

find_program(LASTCALL_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
