# protocol.cmake must go red when a statement loses its test, when a test
# claims what is not stated, and when it no longer finds the statements.
cmake_minimum_required(VERSION 3.22)
set(work ${CMAKE_CURRENT_BINARY_DIR}/protocol_selftest)

# protocol_tree(statements claims): a page that makes the one, a test that
# claims the other.
function(protocol_tree statements claims)
    file(REMOVE_RECURSE ${work})
    set(page)
    foreach(number IN LISTS statements)
        string(APPEND page "**${number}** So it is.\n\n")
    endforeach()
    file(WRITE ${work}/protocol/PROTOCOL.md "${page}")
    list(JOIN claims ", " claims)
    # The word is put together here, so that this file claims nothing.
    set(word "holds")
    file(WRITE ${work}/tests/unit/test_x.c "/* ${word} ${claims} */\n")
endfunction()

function(expect verdict name)
    execute_process(
        COMMAND ${CMAKE_COMMAND} -DROOT=${work} -P ${ROOT}/tests/protocol.cmake
        RESULT_VARIABLE failed OUTPUT_QUIET ERROR_VARIABLE why)
    if(verdict STREQUAL "green" AND failed)
        message(SEND_ERROR "protocol.cmake refused ${name}: ${why}")
    elseif(verdict STREQUAL "red" AND NOT failed)
        message(SEND_ERROR "protocol.cmake let this pass: ${name}")
    endif()
endfunction()

set(all)
foreach(i RANGE 1 60)
    list(APPEND all 1.${i})
endforeach()
set(fewer ${all})
list(REMOVE_ITEM fewer 1.31)
protocol_tree("${all}" "${all}")
expect(green "a tree in which every statement is held")
protocol_tree("${all}" "${fewer}")
expect(red "a statement that no test holds")
protocol_tree("${fewer}" "${all}")
expect(red "a claim that nothing states")
protocol_tree("1.1;1.2" "1.1;1.2")
expect(red "a page whose statements are not found")
file(REMOVE_RECURSE ${work})
