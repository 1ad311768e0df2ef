"""The worker as Windows' service manager sees it; under Wine."""

import os
import shutil

import processes
from terminal_server import session
from wine import FILES, PROGRAMS, SERVICE, WORKER


def test_it_runs_stops_and_starts_again(windows):
    assert "RUNNING" in windows.worker.state()
    assert windows.worker.stop()["state"] == "offline"
    assert "STOPPED" in windows.worker.state()
    windows.worker.start()
    windows.machine.put(session(2))
    assert windows.ask({"action": "disconnect", "session_id": "2"})["success"]


def test_a_stop_does_not_wait_for_a_call_that_hangs(windows):
    windows.machine.put(session(2))
    windows.machine.fail("WTSDisconnectSession", 0, delay_ms=600000,
                         count=1)
    windows.alice.send(windows.alice.command(
        "host:" + windows.name, {"action": "disconnect",
                                 "session_id": "2"}))
    windows.machine.await_record("count=0")
    assert windows.worker.stop()["state"] == "offline"


def test_removing_it_leaves_the_files(windows):
    windows.worker.stop()
    windows.worker.uninstall()
    assert windows.wine.sc("query", SERVICE, status=None).status != 0
    place = windows.wine.path(FILES)
    for name in "worker.conf", "host.key", os.path.join("state",
                                                        "journal.db"):
        assert os.path.exists(os.path.join(place, name)), name


def test_installing_it_again_changes_nothing_else(windows):
    windows.worker.install()
    windows.machine.put(session(2))
    assert windows.ask({"action": "disconnect", "session_id": "2"})["success"]


def test_a_program_that_anyone_may_replace_is_not_installed(windows):
    open_to_all = windows.wine.path(r"C:\anyone")
    os.makedirs(open_to_all, exist_ok=True)
    os.chmod(open_to_all, 0o777)
    shutil.copy(processes.bin_path("lastcall-worker.exe"), open_to_all)
    done = windows.wine.run(r"C:\anyone\lastcall-worker.exe", "service",
                            "install", "--name", "elsewhere", status=1)
    assert "Everyone" in done.err and "anyone" in done.err, done
    assert windows.wine.sc("query", "elsewhere", status=None).status != 0


def test_a_key_that_others_can_read_is_refused(windows):
    key = os.path.join(windows.wine.path(FILES), "host.key")
    os.chmod(key, 0o644)
    done = windows.wine.run(WORKER, "--check", status=1)
    assert "host.key" in done.out + done.err, done
    assert "icacls" in done.out + done.err, done


def test_a_bad_file_is_said_before_the_service_is_made(windows):
    windows.worker.stop()
    windows.worker.uninstall()
    windows.host.write_config(extra="[nonsense]\na = b\n")
    done = windows.wine.run(WORKER, "service", "install", status=1)
    assert "nonsense" in done.err, done
    assert windows.wine.sc("query", SERVICE, status=None).status != 0


def test_the_command_runs_there_too(windows):
    operator = windows.stage.operator()
    place = windows.wine.path(r"C:\operator")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(operator.directory, place)
    shutil.copy(windows.stage.path("root.pub"), place)
    shutil.copy(windows.broker.ca, place)
    windows.machine.put(session(2, user="zoë"))
    done = windows.wine.run(
        PROGRAMS + r"\lastcall.exe", "disconnect", "--host", windows.name,
        "--user", "zoë", "--yes", "--pass-thru", "-o", "json",
        "--broker", windows.broker.uri, "--ca", r"C:\operator\ca.pem",
        "--key", r"C:\operator\operator.key",
        "--grant", r"C:\operator\operator.grant",
        "--root", r"C:\operator\root.pub")
    [result] = done.json()["results"]
    assert result["success"] is True
    assert result["sessions"][0]["session"]["username"] == "zoë"
    assert windows.machine.ended("WTSDisconnectSession") == [2]
