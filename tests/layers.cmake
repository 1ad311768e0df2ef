# The direction of includes, the owners of third-party headers and the banned
# calls.  ROOT is the tree to look at.
#
#   worker, controller -> protocol/io -> protocol -> jansson, libcrypto

function(complain file line text)
    message(SEND_ERROR "${file}: ${text}\n    ${line}")
endfunction()

# What a file may not include, by the folder it is in.
function(check_direction file line)
    if(file MATCHES "^protocol/io/")
        set(forbidden "worker/|controller/|tests/")
    elseif(file MATCHES "^protocol/")
        set(forbidden "worker/|controller/|tests/|protocol/io/")
    elseif(file MATCHES "^worker/")
        set(forbidden "controller/|tests/")
    else()
        set(forbidden "worker/|tests/")
    endif()
    if(line MATCHES "#include \"(${forbidden})")
        complain(${file} "${line}" "include points the wrong way")
    endif()
    if(line MATCHES "#include \"" AND
       NOT line MATCHES "#include \"(protocol|worker|controller)/")
        complain(${file} "${line}" "include is not written from the root")
    endif()
    if(file MATCHES "^protocol/[^/]+$" AND line MATCHES
       "#include <(stdio_ext|unistd|pthread|sys/|time|fcntl|threads|signal)")
        complain(${file} "${line}" "protocol/ is pure: no I/O, threads, clock")
    endif()
endfunction()

# header pattern | the only files that may include it
set(owners
    "jansson\\.h|^protocol/json_strict\\.h$"
    "MQTTAsync\\.h|^protocol/io/mqtt_paho\\.h$"
    "mosquitto\\.h|^protocol/io/mqtt_mosquitto\\.h$"
    "mqtt_protocol\\.h|^protocol/io/mqtt_mosquitto(_commands|_loop|_events)\\.c$"
    "curl/curl\\.h|^worker/http_curl\\.c$"
    "ini\\.h|^protocol/io/config\\.c$"
    "sqlite3\\.h|^protocol/io/store\\.h$"
    "windows\\.h|_win32\\.[ch]$"
    "winsock2\\.h|_win32\\.[ch]$"
    "wtsapi32\\.h|^worker/wts_abi\\.h$"
    "ws2tcpip\\.h|_win32\\.[ch]$"
    "aclapi\\.h|^(protocol/io/platform_acl|worker/access)_win32\\.c$"
    "bcrypt\\.h|^protocol/io/platform_win32\\.c$"
    "wincrypt\\.h|^protocol/io/tls_trust_win32\\.c$"
    "openssl/|^protocol/(bytes|key)\\.c$|^protocol/io/(keyfile|mqtt_mosquitto_tls|tls_trust_(posix|win32))\\.c$")

set(banned strcpy strcat sprintf vsprintf strtok atoi atol atof gets localtime
    gmtime system popen LoadLibraryA LoadLibraryW)

file(GLOB_RECURSE sources RELATIVE ${ROOT}
     ${ROOT}/protocol/*.[ch] ${ROOT}/worker/*.[ch] ${ROOT}/controller/*.[ch])
list(LENGTH sources count)
if(count EQUAL 0)
    message(FATAL_ERROR "no sources found below ${ROOT}")
endif()
list(JOIN banned "|" banned_pattern)
foreach(file IN LISTS sources)
    file(STRINGS ${ROOT}/${file} lines
         REGEX "#include|(${banned_pattern})[ ]*\\(")
    foreach(line IN LISTS lines)
        if(line MATCHES "#include")
            check_direction(${file} "${line}")
            foreach(rule IN LISTS owners)
                string(REPLACE "|" ";" parts "${rule}")
                list(POP_FRONT parts header)
                list(JOIN parts "|" allowed)
                if(line MATCHES "<${header}" AND NOT file MATCHES "${allowed}")
                    complain(${file} "${line}" "header has another owner")
                endif()
            endforeach()
        elseif(line MATCHES "(^|[^A-Za-z0-9_])(${banned_pattern})[ ]*\\(")
            complain(${file} "${line}" "banned call")
        endif()
    endforeach()
endforeach()
message(STATUS "${count} files keep the layers")
