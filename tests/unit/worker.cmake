# Tests of the worker.
