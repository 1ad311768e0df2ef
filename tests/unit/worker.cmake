# Tests of the worker.
foreach(name arguments settings policy inbox inventory recover
        maintenance_plan)
    lastcall_test(${name} LIBS lastcall_worker)
endforeach()
lastcall_test(delivery SOURCES ${scratch} LIBS lastcall_worker)
foreach(name journal history maintenance_store)
    lastcall_test(${name} SOURCES unit/journal_stage.c ${scratch}
                  LIBS lastcall_worker)
endforeach()
if(NOT WIN32) # it kills children
    lastcall_test(journal_faults SOURCES unit/journal_stage.c ${scratch}
                  LIBS lastcall_worker)
endif()
foreach(name executor settle lane)
    lastcall_test(${name} SOURCES unit/fakes.c unit/executor_stage.c
                  LIBS lastcall_worker)
endforeach()
foreach(name pipeline_maintenance pipeline_plans
        pipeline_warnings)
    lastcall_test(${name} SOURCES unit/fakes.c unit/pipeline_stage.c
                  unit/plan_stage.c ${scratch}
                  LIBS lastcall_worker TIMEOUT 120)
endforeach()
foreach(name pipeline pipeline_faults pipeline_news pipeline_wts)
    lastcall_test(${name} SOURCES unit/fakes.c unit/pipeline_stage.c ${scratch}
                  LIBS lastcall_worker TIMEOUT 120)
endforeach()
set(worker_stage unit/worker_stage.c unit/fakes.c unit/fake_link.c unit/watch.c
    ${scratch})
lastcall_test(worker SOURCES ${worker_stage} LIBS lastcall_worker)
if(WIN32) # no other system tells a service of sessions
    lastcall_test(serve_win32 SOURCES ${worker_stage} LIBS lastcall_worker)
    set_tests_properties(unit.serve_win32 PROPERTIES FIXTURES_REQUIRED wine)
endif()
