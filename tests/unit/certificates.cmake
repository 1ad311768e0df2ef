# Certificates for the TLS tests, fresh for every run, in FOLDER:
# ca.pem and other.pem (authorities), valid and expired (signed by ca, for the
# names below *.<hash>.plex.direct), self (signed by itself).
set(HASH 0123456789abcdef0123456789abcdef)
file(MAKE_DIRECTORY ${FOLDER})

function(openssl)
    execute_process(COMMAND openssl ${ARGN} WORKING_DIRECTORY ${FOLDER}
                    RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE why)
    if(failed)
        message(FATAL_ERROR "openssl ${ARGN}: ${why}")
    endif()
endfunction()

set(new_key -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
file(WRITE ${FOLDER}/names.ext
     "subjectAltName=DNS:*.${HASH}.plex.direct\n")

foreach(authority ca other)
    openssl(req -x509 ${new_key} -keyout ${authority}.key
            -out ${authority}.pem -days 2 -subj "/CN=Test ${authority}")
endforeach()
openssl(req -x509 ${new_key} -keyout self.key -out self.pem -days 2
        -subj "/CN=self" -addext
        "subjectAltName=DNS:*.${HASH}.plex.direct")
foreach(server valid expired)
    openssl(req -new ${new_key} -keyout ${server}.key -out ${server}.csr
            -subj "/CN=${server}")
    set(days 2)
    if(server STREQUAL "expired")
        set(days -1)
    endif()
    openssl(x509 -req -in ${server}.csr -CA ca.pem -CAkey ca.key
            -CAcreateserial -days ${days} -extfile names.ext
            -out ${server}.pem)
endforeach()
