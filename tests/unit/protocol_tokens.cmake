# Tests of tokens, keys, names and topics.
