# Tests of the worker.
foreach(name settings policy inbox inventory journal)
    lastcall_test(${name} LIBS lastcall_worker)
endforeach()
