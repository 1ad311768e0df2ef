"""Jobs: what was asked is kept, and trying again runs nothing twice."""

import csv
import io
import os
import re
import resource
import signal
import sqlite3
import stat
import subprocess
import time

import pytest

import processes
from desk import FALSE, INTERRUPTED, OK, SILENT, STOPPED, UNCONFIRMED, USAGE
from stage import lastcall, write_file
from test_command_terminal import Terminal

HOSTS = ("media-01", "media-02", "media-03")
ALL = ("stop", "--all", "--every", "--yes")


class Trio:
    """Three hosts, each with a session of its own, and an operator."""

    def __init__(self, stage):
        stage.start_broker()
        self.stage = stage
        self.operator = stage.operator()
        self.run = self.operator.run
        self.plex = {}
        self.workers = {}
        for name in HOSTS:
            self.plex[name] = stage.standin()
            self.plex[name].play("of-" + name)
            host = stage.host(name, {"home": self.plex[name]})
            self.workers[name] = stage.worker(host).start()

    def newest(self):
        done = self.run("jobs", "-o", "names")
        assert done.status == OK, done
        return done.out.split()[0]

    def show(self, job):
        done = self.run("jobs", "show", job, "-o", "json")
        assert done.status == OK, done
        told = done.json()
        return {**told, **told["summary"]}

    def outcomes(self, job):
        return {r["host"]: r["outcome"] for r in self.show(job)["results"]}

    def retry(self, job, *arguments):
        return self.run("jobs", "retry", job, "--yes", "-o", "json",
                        *arguments)

    def hang(self, name, **options):
        """Plex does as it is told (effect) and keeps the answer."""
        self.plex[name].fault("hang", path="*/terminate", **options)

    def assert_each_ended_once(self):
        for name, plex in self.plex.items():
            assert plex.terminated() == ["of-" + name]
            assert plex.listed() == []

    def database(self):
        return os.path.join(self.operator.directory, ".local", "state",
                            "lastcall", "jobs.db")


@pytest.fixture
def trio(stage):
    return Trio(stage)


def by_host(done):
    return {r["host"]: r for r in done.json()["results"]}


def test_a_host_killed_in_the_middle_finishes_at_the_retry(trio):
    victim = trio.workers["media-02"]
    victim.process.pause()  # connected, and deaf
    first = trio.operator.spawn(*ALL, "--timeout", "4s", "-o", "ndjson")
    first.await_line('"host":"media-01","outcome":"true"')
    first.await_line('"host":"media-03","outcome":"true"')
    victim.kill()
    assert first.wait() == SILENT
    job = trio.newest()
    assert trio.outcomes(job) == {"media-01": "true", "media-02": "silent",
                                  "media-03": "true"}
    victim.start()
    done = trio.retry(job, "--only", "silent")
    assert done.status == OK, done
    assert list(by_host(done)) == ["media-02"]
    trio.assert_each_ended_once()
    again = trio.newest()
    assert done.json()["summary"]["job"] == again
    done = trio.run(*ALL[:-1], "--dry-run", "-o", "json")
    assert done.json()["summary"]["job"] is None, done
    assert again != job and trio.show(again)["retry_of"] == job
    # Nobody is left.
    done = trio.retry(again)
    assert done.status == OK and done.json()["results"] == [], done


def await_result_sent(trio, name, request_id=""):
    """Until the host has told the broker what came of it."""
    trio.stage.broker.process.await_line(
        r"Received PUBLISH from lastcall-lastcall-%s .*/result/ops/%s"
        % (name, re.escape(request_id)))


def test_what_was_run_without_an_answer_is_not_run_again(trio):
    trio.hang("media-02", effect=True)
    done = trio.run(*ALL, "--timeout", "2s", "-o", "json")
    assert done.status == SILENT, done
    assert by_host(done)["media-02"]["outcome"] == "silent"
    job = trio.newest()
    trio.plex["media-02"].release()
    await_result_sent(trio, "media-02")
    done = trio.retry(job)
    assert done.status == OK, done
    assert list(by_host(done)) == ["media-02"]
    answer = by_host(done)["media-02"]
    sent = {h["host"]: h["request_id"] for h in trio.show(job)["results"]}
    assert answer["request_id"] == sent["media-02"]
    assert answer["replayed"] is True, answer
    trio.assert_each_ended_once()
    # A second retry of the same job names the first.
    again = trio.newest()
    done = trio.retry(job)
    assert done.status == OK and done.json()["results"] == [], done
    assert again[:8] in done.err
    assert {h["host"]: h["retried_as"] for h in trio.show(job)["results"]} \
        == {"media-01": None, "media-02": again, "media-03": None}


def test_a_retry_of_a_retry_knows_what_was_sent_at_first(trio):
    trio.hang("media-02", effect=True)
    assert trio.run(*ALL, "--timeout", "2s").status == SILENT
    first = trio.newest()
    trio.plex["media-02"].release()
    await_result_sent(trio, "media-02")
    trio.workers["media-02"].stop()
    assert trio.retry(first).status == SILENT
    second = trio.newest()
    assert trio.outcomes(second) == {"media-02": "offline"}
    # Nobody of the first is left, and not because all did it.
    done = trio.retry(first)
    assert done.status == SILENT and done.json()["results"] == [], done
    trio.workers["media-02"].start()
    done = trio.retry(second)
    assert done.status == OK, done
    sent = {h["host"]: h["request_id"] for h in trio.show(first)["results"]}
    answer = by_host(done)["media-02"]
    assert answer["request_id"] == sent["media-02"]
    assert answer["replayed"] is True, answer
    trio.assert_each_ended_once()


def test_an_expired_command_is_signed_anew(trio):
    trio.hang("media-02", effect=True)
    done = trio.run("stop", "--host", ",".join(HOSTS), "--every", "--yes",
                    "--timeout", "2s", "--ttl", "2s", "-o", "json")
    assert done.status == SILENT, done
    job = trio.newest()
    sent = {h["host"]: h["request_id"] for h in trio.show(job)["results"]}
    trio.plex["media-02"].release()
    time.sleep(1)  # past the two seconds, by the wall clock
    done = trio.retry(job, "--only", "silent")
    assert done.status == OK, done
    answer = by_host(done)["media-02"]
    assert answer["request_id"] != sent["media-02"]
    assert answer["replayed"] is False and answer["code"] == "no_match"
    trio.assert_each_ended_once()


def test_what_is_about_to_expire_is_not_signed_anew(trio):
    """It may still be run, and a new one would make it two.  A retry that a
    busy machine held up until it had expired says nothing: then once more,
    with a second more."""
    for left_s in range(2, 12):
        trio.hang("media-02", effect=True)
        assert trio.run(*ALL, "--timeout", "2s").status == SILENT
        job = trio.newest()
        sent = {h["host"]: h["request_id"] for h in trio.show(job)["results"]}
        trio.plex["media-02"].release()
        await_result_sent(trio, "media-02", sent["media-02"])
        expires_s = int(time.time()) + left_s
        with sqlite3.connect(trio.database()) as db:
            db.execute("UPDATE message SET expires_s = ?", (expires_s,))
        db.close()
        done = trio.retry(job)
        assert done.status == OK, done
        answer = by_host(done)["media-02"]
        if answer["request_id"] == sent["media-02"]:
            assert answer["replayed"] is True, answer
            return
        assert time.time() >= expires_s, "signed anew before it had expired"
        trio.plex["media-02"].play("again-%d" % left_s)
    raise AssertionError("no retry came in time")


def test_what_failed_is_asked_anew(trio):
    trio.plex["media-03"].fault("status", path="*/terminate", status=500)
    done = trio.run(*ALL, "--reason", "the same one", "-o", "json")
    assert done.status == FALSE, done
    job = trio.newest()
    trio.plex["media-03"].release()
    done = trio.retry(job, "--only", "failed")
    assert done.status == OK, done
    assert by_host(done)["media-03"]["replayed"] is False
    ended = [t for t in trio.plex["media-03"].terminates()]
    assert {t.reason for t in ended} == {b"the same one"}
    assert trio.plex["media-03"].listed() == []


def test_an_offline_host_does_its_part_when_it_is_back(trio):
    trio.workers["media-01"].stop()
    done = trio.run("stop", "--host", ",".join(HOSTS), "--every", "--yes")
    assert done.status == SILENT, done
    job = trio.newest()
    assert trio.outcomes(job)["media-01"] == "offline"
    assert trio.retry(job, "--only", "silent").json()["results"] == []
    trio.workers["media-01"].start()
    done = trio.retry(job, "--only", "offline")
    assert done.status == OK, done
    trio.assert_each_ended_once()


def test_who_was_not_asked_is_asked_later(trio):
    trio.plex["media-01"].fault("status", path="*/terminate", status=500)
    done = trio.run(*ALL, "--batch", "1", "--max-fail", "0")
    assert done.status == STOPPED, done
    job = trio.newest()
    assert trio.outcomes(job) == {"media-01": "false", "media-02": "unsent",
                                  "media-03": "unsent"}
    trio.plex["media-01"].release()
    done = trio.retry(job, "--only", "unsent")
    assert done.status == OK, done
    assert sorted(by_host(done)) == ["media-02", "media-03"]
    # Killed between two turns, it knows whose had come.
    for name in HOSTS:
        trio.plex[name].play("more-of-" + name)
    trio.hang("media-02", effect=True)
    first = trio.operator.spawn(*ALL, "--batch", "1", "--timeout", "60s")
    trio.plex["media-02"].await_terminates(2)
    job = trio.newest()
    first.kill()
    assert trio.outcomes(job) == {"media-01": "true", "media-02": "silent",
                                  "media-03": "unsent"}
    trio.plex["media-02"].release()
    assert trio.retry(job).status == OK
    for name in HOSTS:
        assert trio.plex[name].terminated().count("more-of-" + name) == 1


def test_a_retry_goes_by_turns_too(trio):
    for name in HOSTS:
        trio.plex[name].fault("status", path="*/terminate", status=500)
    limits = ("--batch", "1", "--max-fail", "0")
    assert trio.run(*ALL, *limits).status == STOPPED
    done = trio.retry(trio.newest(), "--only", "unsent", *limits)
    assert done.status == STOPPED, done
    assert trio.outcomes(trio.newest()) == {"media-02": "false",
                                            "media-03": "unsent"}
    for name in HOSTS:
        trio.plex[name].release()
    done = trio.retry(trio.newest(), "--canary", "1", "--batch", "50%",
                      "--batch-wait", "1ms")
    assert done.status == OK, done
    assert trio.plex["media-01"].listed() == ["of-media-01"]
    assert trio.retry(trio.newest(), "--batch", "0").status == USAGE


def test_who_is_back_before_its_turn_hears_no_second_command(trio):
    """The broker may have kept the broadcast for it."""
    trio.plex["media-01"].fault("status", path="*/terminate", status=500)
    trio.workers["media-03"].stop()
    assert trio.run(*ALL).status == FALSE
    job = trio.newest()
    trio.plex["media-01"].release()
    trio.hang("media-01", effect=True)
    again = trio.operator.spawn("jobs", "retry", job, "--yes", "--batch", "1",
                                "--timeout", "60s")
    trio.plex["media-01"].await_terminates(2)
    trio.workers["media-03"].start()
    trio.plex["media-01"].release()
    assert again.wait() == SILENT, again.output()
    second = trio.newest()
    assert trio.outcomes(second) == {"media-01": "true", "media-03": "offline"}
    done = trio.retry(second)
    assert done.status == OK, done
    sent = {h["host"]: h["request_id"] for h in trio.show(job)["results"]}
    assert by_host(done)["media-03"]["request_id"] == sent["media-03"]
    assert trio.plex["media-03"].terminated() == ["of-media-03"]


def test_a_command_that_is_killed_leaves_a_crashed_job(trio):
    trio.hang("media-02", effect=True)
    first = trio.operator.spawn(*ALL, "--timeout", "60s", "-o", "ndjson")
    first.await_line('"host":"media-01","outcome":"true"')
    first.await_line('"host":"media-03","outcome":"true"')
    trio.plex["media-02"].await_terminates(1)
    job = trio.newest()
    assert trio.show(job)["state"] == "running"
    assert trio.retry(job).status == USAGE
    first.kill()
    told = trio.show(job)
    assert told["state"] == "crashed"
    assert {r["host"]: r["outcome"] for r in told["results"]}["media-02"] \
        == "silent"
    trio.plex["media-02"].release()
    assert trio.retry(job, "--only", "silent").status == OK
    trio.assert_each_ended_once()


def test_an_interrupted_job_is_finished_by_a_retry(trio):
    trio.hang("media-02", effect=True)
    first = trio.operator.spawn("stop", "--host", "media-02,media-03",
                                "--every", "--yes", "--batch", "1",
                                "--timeout", "60s")
    trio.plex["media-02"].await_terminates(1)
    first.send(signal.SIGINT)
    assert first.wait() == INTERRUPTED
    job = trio.newest()
    told = trio.show(job)
    assert (told["state"], told["job_exit"]) == ("interrupted", INTERRUPTED)
    assert "lastcall jobs retry " + job[:8] in first.output()
    assert trio.outcomes(job) == {"media-02": "silent", "media-03": "unsent"}
    trio.plex["media-02"].release()
    assert trio.retry(job).status == OK
    assert trio.plex["media-02"].terminated() == ["of-media-02"]
    assert trio.plex["media-03"].terminated() == ["of-media-03"]


def test_a_second_command_waits_for_the_first(trio):
    trio.hang("media-02", effect=True)
    first = trio.operator.spawn(*ALL, "--timeout", "60s", "-o", "json")
    trio.plex["media-02"].await_terminates(1)
    job = trio.newest()
    second = trio.operator.spawn("jobs", "wait", job[:8], "-o", "json")
    trio.plex["media-02"].release()
    assert first.wait() == OK
    assert second.wait() == OK, second.output()
    assert trio.show(job)["state"] == "done"
    assert set(trio.outcomes(job).values()) == {"true"}


def test_a_late_answer_is_kept_by_who_waits(trio):
    trio.hang("media-02", effect=True)
    assert trio.run(*ALL, "--timeout", "1s").status == SILENT
    job = trio.newest()
    done = trio.run("jobs", "wait", job, "--timeout", "1s")
    assert done.status == SILENT, done
    inbox = trio.stage.broker.process.line_count
    waiting = trio.operator.spawn("jobs", "wait", job, "-o", "names")
    await_reader(trio, inbox)
    trio.plex["media-02"].release()
    assert waiting.wait() == OK, waiting.output()
    told = {r["host"]: r for r in trio.show(job)["results"]}
    assert told["media-02"]["late"] is True
    assert told["media-02"]["outcome"] == "true"
    assert told["media-01"]["late"] is False
    trio.assert_each_ended_once()


def test_an_answer_that_comes_as_one_begins_to_wait_is_kept(trio):
    """A retained one is there at once, before all else has been read."""
    wire = trio.stage.observer()
    wire.subscribe(trio.stage.fleet.topic("host", "+", "result", "+", "+"))
    trio.hang("media-02", effect=True)
    assert trio.run(*ALL, "--timeout", "1s").status == SILENT
    job = trio.newest()
    trio.plex["media-02"].release()
    answer = wire.await_message(lambda m: "/media-02/result/" in m.topic,
                                "result of media-02")
    wire.publish(answer.topic, answer.payload, retain=True)
    done = trio.run("jobs", "wait", job, "-o", "names")
    assert done.status == OK, done
    assert trio.outcomes(job)["media-02"] == "true"


def test_who_waits_goes_on_when_the_first_is_killed(trio):
    trio.hang("media-02", effect=True)
    first = trio.operator.spawn(*ALL, "--timeout", "60s", "-o", "ndjson")
    first.await_line('"host":"media-01","outcome":"true"')
    first.await_line('"host":"media-03","outcome":"true"')
    trio.plex["media-02"].await_terminates(1)
    job = trio.newest()
    inbox = trio.stage.broker.process.line_count
    waiting = trio.operator.spawn("jobs", "wait", job, "-o", "names")
    await_reader(trio, inbox)
    first.kill()
    trio.plex["media-02"].release()
    assert waiting.wait() == OK, waiting.output()
    told = trio.show(job)
    assert told["state"] == "crashed" and told["true"] == 3


def test_several_at_once_are_all_kept(trio):
    runs = [trio.operator.spawn("stop", "--host", name, "--every", "--yes")
            for name in HOSTS * 3]
    for run in runs:
        assert run.wait() == OK and "not kept" not in run.output(), \
            run.output()
    jobs = trio.run("jobs", "-o", "json").json()["jobs"]
    assert len(jobs) == len(runs)
    assert {(j["state"], j["true"]) for j in jobs} == {("done", 1)}


def await_reader(trio, before):
    """Until somebody new has been granted the inbox, and reads it."""
    broker = trio.stage.broker.process
    deadline = time.monotonic() + processes.PATIENCE
    while time.monotonic() < deadline:
        news = list(broker.lines)[before:]
        if sum("SUBACK to lastcall-" in line for line in news) >= 2:
            time.sleep(0.1)  # it waits for what is retained
            return
        time.sleep(0.01)
    raise AssertionError("nobody came to wait")


def test_the_forms_of_the_list(trio):
    assert trio.run("stop", "--all", "--every", "--yes", "--reason",
                    "back at 3").status == OK
    job = trio.newest()
    listed = trio.run("jobs", "-o", "json").json()["jobs"]
    assert [j["job"] for j in listed] == [job]
    assert listed[0]["true"] == 3 and listed[0]["state"] == "done"
    assert listed[0]["controller"] == "controller:ops"
    assert listed[0]["words"] == "--all --every --reason back at 3"
    lines = [x for x in trio.run("jobs", "-o", "ndjson").ndjson()
             if x["type"] == "job"]
    assert lines[0]["job"] == job
    rows = list(csv.DictReader(io.StringIO(
        trio.run("jobs", "-o", "csv").out)))
    assert rows[0]["job"] == job and rows[0]["exit"] == "0"
    table = trio.run("jobs").out
    assert job[:8] in table and job not in table and "all" in table
    assert trio.run("jobs", "show", job[:6], "-o", "names").out.split() \
        == list(HOSTS)
    rows = list(csv.DictReader(io.StringIO(
        trio.run("jobs", "show", job, "-o", "csv").out)))
    assert [r["session_id"] for r in rows] == ["of-" + h for h in HOSTS]
    # What does nothing is no job.
    trio.run("stop", "--all", "--every", "--dry-run")
    trio.run("ping")
    assert trio.newest() == job
    mode = os.stat(trio.database()).st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_bash_completes_ids(trio):
    trio.run(*ALL)
    job = trio.newest()
    script = write_file(os.path.join(trio.operator.directory, "completion"),
                        lastcall("completion", "bash").out)
    env = trio.operator.environment()
    env["PATH"] = os.path.dirname(processes.bin_path("lastcall")) + ":" + \
        env["PATH"]
    done = subprocess.run(
        ["bash", "-c", '. "$1"; COMP_WORDS=(lastcall jobs retry "$2");'
         ' COMP_CWORD=3; _lastcall; echo "${COMPREPLY[@]}"', "bash", script,
         job[:3]], capture_output=True, text=True, timeout=10, env=env)
    assert done.stdout.split() == [job] and not done.stderr, done


@pytest.mark.parametrize("arguments", [
    ("jobs", "show"), ("jobs", "shove", "abcdef"), ("jobs", "show", "abc"),
    ("jobs", "show", "abcdefgh"), ("jobs", "--only", "silent"),
    ("jobs", "show", "abcdefgh", "--last", "3"), ("jobs", "--last", "many"),
    ("jobs", "--batch", "3"), ("jobs", "wait", "abcdefgh", "--max-fail", "1"),
])
def test_usage(trio, arguments):
    done = trio.run(*arguments)
    assert done.status == USAGE and done.err and not done.out, done


def test_a_retry_asks_before_it_touches_anything(trio):
    trio.workers["media-01"].stop()
    trio.run("stop", "--host", "media-01", "--every", "--yes")
    trio.workers["media-01"].start()
    job = trio.newest()
    assert trio.run("jobs", "retry", job).status == UNCONFIRMED
    assert trio.run("jobs", "retry", job, "--only", "lazy").status == USAGE
    assert trio.plex["media-01"].terminates() == []


@pytest.mark.parametrize("typed, status", [("y\n", OK),
                                           ("n\n", UNCONFIRMED)])
def test_a_retry_shows_a_person_what_it_would_end(trio, typed, status):
    trio.workers["media-01"].stop()
    trio.run("stop", "--host", "media-01", "--every", "--yes")
    trio.workers["media-01"].start()
    job = trio.newest()
    terminal = Terminal(trio.operator, "jobs", "retry", job)
    terminal.await_text(r"Go on\? \[y/N\]")
    assert "of-media-01" in terminal.text
    assert trio.plex["media-01"].terminates() == []
    terminal.type(typed)
    assert terminal.end() == status, terminal.text
    assert (trio.newest() != job) == (status == OK)
    assert trio.plex["media-01"].terminated() == (
        ["of-media-01"] if status == OK else [])


def test_of_two_retries_at_once_one_gives_way(trio):
    """Both have chosen the same host before either has sent anything."""
    trio.workers["media-01"].stop()
    trio.run("stop", "--host", "media-01", "--every", "--yes", "--ttl", "1s",
             "--timeout", "1s")
    trio.workers["media-01"].start()
    job = trio.newest()
    slow = Terminal(trio.operator, "jobs", "retry", job)
    slow.await_text(r"Go on\? \[y/N\]")
    done = trio.retry(job)
    assert done.status == OK, done
    rival = trio.newest()
    slow.type("y\n")
    assert slow.end() == USAGE, slow.text
    assert "as job " + rival[:8] in slow.text
    assert "nothing was sent" in slow.text
    assert trio.newest() == rival  # and no third job is kept
    # One of another job is no rival.
    assert trio.retry(rival).status == OK
    trio.plex["media-01"].play("again")
    assert trio.run("stop", "--host", "media-01", "--every",
                    "--yes").status == OK
    assert trio.plex["media-01"].terminated() == ["of-media-01", "again"]


def test_anothers_job_is_not_tried_again(trio):
    trio.workers["media-01"].stop()
    trio.run("stop", "--host", "media-01", "--every", "--yes")
    job = trio.newest()
    other = trio.stage.operator("eve")
    other.directory = trio.operator.directory
    done = other.run("jobs", "retry", job, "--yes")
    assert done.status == USAGE and "controller:ops" in done.err, done


def no_folder(trio):
    os.makedirs(os.path.dirname(os.path.dirname(trio.database())))
    write_file(os.path.dirname(trio.database()), "not a folder\n")


def newer(trio):
    trio.run("jobs")
    database = sqlite3.connect(trio.database())
    database.execute("PRAGMA user_version = 9")
    database.close()


def damaged(trio):
    trio.run("jobs")
    write_file(trio.database(), "not a database " * 100)


@pytest.mark.parametrize("spoil, words", [
    (no_folder, "lastcall"), (newer, "newer program"),
    (damaged, "move it away")])
def test_what_cannot_be_kept_is_done_all_the_same(trio, spoil, words):
    spoil(trio)
    done = trio.run(*ALL)
    assert done.status == OK, done
    assert done.err.count("the job is not kept") == 1 and words in done.err
    trio.assert_each_ended_once()
    done = trio.run("jobs")
    assert done.status != OK and words in done.err, done


def test_a_full_disk_does_not_hold_the_campaign(trio):
    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40960, 40960))

    trio.run("jobs")
    done = subprocess.run(trio.operator.argv(*ALL), capture_output=True,
                          text=True, timeout=60, preexec_fn=small_files,
                          env=trio.operator.environment())
    assert done.returncode == OK, done
    assert done.stderr.count("the job is not kept") == 1, done
    trio.assert_each_ended_once()
    # With room again, everything is as before.
    assert trio.run("stop", "--all", "--every", "--yes").err.count("kept") == 0
    assert trio.show(trio.newest())["true"] == 3


def test_a_database_that_others_hold_does_not_hold_the_campaign(trio):
    trio.run("jobs")
    holder = sqlite3.connect(trio.database(), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    done = trio.run(*ALL)
    holder.execute("ROLLBACK")
    holder.close()
    assert done.status == OK, done
    assert done.err.count("the job is not kept") == 1, done
    trio.assert_each_ended_once()
