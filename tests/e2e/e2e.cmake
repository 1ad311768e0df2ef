# Tests of both programs over a real broker.
