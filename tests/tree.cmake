# Tests of the tree itself: direction of includes, banned calls, headers that
# stand alone, and a test for every statement of PROTOCOL.md.
add_test(NAME tree.layers
         COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR}
                 -P ${CMAKE_CURRENT_SOURCE_DIR}/layers.cmake)
add_test(NAME tree.headers
         COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR}
                 -DCC=${CMAKE_C_COMPILER}
                 -P ${CMAKE_CURRENT_SOURCE_DIR}/headers.cmake)
add_test(NAME tree.layers.catches
         COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR}
                 -P ${CMAKE_CURRENT_SOURCE_DIR}/layers_selftest.cmake)
add_test(NAME tree.protocol
         COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR}
                 -P ${CMAKE_CURRENT_SOURCE_DIR}/protocol.cmake)
add_test(NAME tree.protocol.catches
         COMMAND ${CMAKE_COMMAND} -DROOT=${PROJECT_SOURCE_DIR}
                 -P ${CMAKE_CURRENT_SOURCE_DIR}/protocol_selftest.cmake)
add_test(NAME tree.build_deps
         COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/wine/build_deps)
set_tests_properties(
    tree.layers tree.headers tree.layers.catches tree.protocol
    tree.protocol.catches tree.build_deps PROPERTIES LABELS tree TIMEOUT 120)
