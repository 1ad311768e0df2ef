# The worker as a Windows service: the end-to-end tests of terminal sessions
# with a Wine prefix of their own, since a service is of the whole machine.
set(LASTCALL_PYTHON /usr/bin/python3 CACHE FILEPATH
    "Python with pytest, paho-mqtt, PyJWT, cryptography and jwcrypto")
foreach(area wts windows_service windows_command)
    add_test(NAME e2e.${area}
             COMMAND ${LASTCALL_PYTHON} -m pytest -q -p no:cacheprovider
                     ${CMAKE_CURRENT_LIST_DIR}/../e2e/test_${area}.py)
    set_tests_properties(e2e.${area} PROPERTIES
        LABELS e2e TIMEOUT 900 RESOURCE_LOCK wine_service
        ENVIRONMENT
        "LASTCALL_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};LASTCALL_WINE_RUN=${LASTCALL_WINE};LASTCALL_WINE=${PROJECT_SOURCE_DIR}/build/mingw/wine-service;LASTCALL_WTSAPI32=$<TARGET_FILE:wtsapi32>;LASTCALL_E2E_PATIENCE=60;PYTHONDONTWRITEBYTECODE=1")
endforeach()
