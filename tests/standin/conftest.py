"""One stand-in for all tests, made as new before each of them."""

import pytest
from client import OWNER, SHARED, Standin


@pytest.fixture(scope="session")
def shared_standin():
    standin = Standin("--token", OWNER, "--shared-token", SHARED,
                      "--scale", "0.01")
    yield standin
    assert standin.stop() == 0


@pytest.fixture
def plex(shared_standin):
    defaults = shared_standin.defaults
    shared_standin.order("POST", "/lifecycle", {"state": "up"})
    shared_standin.order("DELETE", "/faults")
    shared_standin.order("DELETE", "/sessions")
    shared_standin.order("POST", "/options", defaults)
    shared_standin.order("POST", "/tokens", {"replace": True, "tokens": [
        {"token": OWNER, "class": "owner"},
        {"token": SHARED, "class": "shared"}]})
    shared_standin.order("DELETE", "/log")
    return shared_standin
