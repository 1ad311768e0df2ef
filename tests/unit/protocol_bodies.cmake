# Tests of grants, requests, results, sessions, filters.
