"""The worker as Windows' service manager sees it; under Wine."""

import functools
import os
import shutil

import processes
from terminal_server import session
from wine import EVENT_SOURCE, FILES, SERVICE, WORKER


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


def test_it_runs_while_the_broker_is_away(windows):
    windows.worker.stop()
    windows.host.sections["broker"] = {"uri": "mqtt://127.0.0.1:9"}
    windows.host.write_config()
    windows.worker.install()
    windows.wine.sc("start", SERVICE)
    windows.worker.await_state("RUNNING")
    windows.wine.sc("stop", SERVICE)
    windows.worker.await_state("STOPPED")
    assert "WIN32_EXIT_CODE    : 0 " in windows.worker.state()


def test_a_file_that_went_bad_has_it_started_again(windows):
    """It ends with a code, which the manager takes for a failure."""
    windows.worker.stop()
    windows.host.write_config(extra="[nonsense]\na = b\n")
    windows.wine.sc("start", SERVICE)
    windows.worker.await_state("STOPPED")
    assert "WIN32_EXIT_CODE    : 1066 " in windows.worker.state()


def test_removing_it_leaves_the_files(windows):
    """While it runs, too.  The event log's source goes with the last one."""
    for act in "install", "uninstall":
        windows.wine.run(WORKER, "service", act, "--name", "second")
    assert not windows.wine.knows("second")
    windows.wine.system("reg.exe", "query", EVENT_SOURCE)
    done = windows.worker.uninstall()
    assert "configuration, keys and journal stay" in done.out, done
    assert not windows.wine.knows(SERVICE)
    windows.wine.system("reg.exe", "query", EVENT_SOURCE, status=1)
    place = windows.wine.path(FILES)
    for name in "worker.conf", "host.key", os.path.join("state",
                                                        "journal.db"):
        assert os.path.exists(os.path.join(place, name)), name


def test_installing_it_again_changes_nothing_else(windows):
    command = '"%s" --service --config "%s"' % (WORKER,
                                                FILES + r"\worker.conf")
    assert command in windows.worker.install().out
    key = r"HKLM\SYSTEM\CurrentControlSet\Services" + "\\" + SERVICE
    reg = functools.partial(windows.wine.system, "reg.exe", "query")
    assert command in reg(key).out
    assert "EventMessageFile" in reg(EVENT_SOURCE).out
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
    assert not windows.wine.knows("elsewhere")


def test_a_configuration_that_anyone_may_change_is_not_installed(windows):
    os.chmod(windows.host.config, 0o666)
    done = windows.wine.run(WORKER, "service", "install", "--name",
                            "elsewhere", status=1)
    assert "can be changed by" in done.err and "worker.conf" in done.err, done
    os.chmod(windows.host.config, 0o600)
    assert not windows.wine.knows("elsewhere")


NO_SERVICE_OF_OURS = (
    (1, "another program's", ("service", "install", "--name", "EventLog")),
    (1, "another program's", ("service", "uninstall", "--name", "EventLog")),
    (1, "(error 1060)", ("service", "uninstall", "--name", "elsewhere")),
    (1, "not there", ("service", "install", "--config", r"C:\no.conf")),
    (2, "is for the service manager", ("--service",)))


def test_what_is_no_service_of_ours_is_left_alone(windows):
    for status, says, arguments in NO_SERVICE_OF_OURS:
        done = windows.wine.run(WORKER, *arguments, status=status)
        assert says in done.err, done
    assert "RUNNING" in windows.worker.state()


def test_a_key_that_others_can_read_is_refused(windows):
    key = os.path.join(windows.wine.path(FILES), "host.key")
    os.chmod(key, 0o644)
    done = windows.wine.run(WORKER, "--check", status=1)
    assert "host.key" in done.out + done.err, done
    assert "icacls" in done.out + done.err, done


def test_whom_windows_trusts_it_trusts(windows):
    """Without `ca` it is the machine's store that says who the broker is."""
    windows.worker.stop()
    del windows.host.sections["broker"]["ca"]
    windows.host.write_config()
    done = windows.wine.run(WORKER, "--check", status=1)
    assert "FAIL broker" in done.out and "certificate" in done.out, done
    key = windows.wine.trust(windows.broker.ca)
    done = windows.wine.run(WORKER, "--check")
    assert "ok   broker" in done.out, done
    windows.worker.start()
    windows.machine.put(session(2))
    assert windows.ask({"action": "disconnect", "session_id": "2"})["success"]
    windows.worker.stop()
    windows.wine.system("reg.exe", "delete", key, "/f")
    done = windows.wine.run(WORKER, "--check", status=1)
    assert "FAIL broker" in done.out and "certificate" in done.out, done


def test_a_bad_file_is_said_before_the_service_is_made(windows):
    windows.worker.stop()
    windows.worker.uninstall()
    windows.host.write_config(extra="[nonsense]\na = b\n")
    done = windows.wine.run(WORKER, "service", "install", status=1)
    assert "nonsense" in done.err, done
    assert not windows.wine.knows(SERVICE)
