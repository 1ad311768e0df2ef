# Tests of the worker.
foreach(name arguments settings policy inbox inventory journal delivery recover)
    lastcall_test(${name} LIBS lastcall_worker)
endforeach()
lastcall_test(executor SOURCES unit/fakes.c LIBS lastcall_worker)
foreach(name pipeline pipeline_faults)
    lastcall_test(${name} SOURCES unit/fakes.c unit/pipeline_stage.c
                  LIBS lastcall_worker TIMEOUT 120)
endforeach()
