"""A terminal server's cast: broker, machine, worker, controller.

By itself the worker is lastcall-worker-standin, whose Windows calls the
stand-in answers in the same process.  With LASTCALL_WINE_RUN, the program
that runs others under Wine, it is lastcall-worker.exe as a Windows service.
"""

import os

from machine import Machine
from stage import Worker
import processes


class StandinWorker(Worker):
    """The worker with the stand-in's calls in the place of Windows'."""

    program = "lastcall-worker-standin"

    def __init__(self, stage, host, machine):
        super().__init__(stage, host)
        self.machine = machine

    def environment(self):
        return processes.environment(WTS_STANDIN_STATE=self.machine.state,
                                     WTS_STANDIN_LOG=self.machine.log)


class Windows:
    """The usual cast; the next regular list of sessions is an hour away."""

    name = "desk-07"

    def __init__(self, stage, policy=None):
        self.stage = stage
        self.fleet = stage.fleet
        self.broker = stage.start_broker(with_tls=True)
        self.machine = self.make_machine(stage)
        self.host = self.make_host(policy)
        self.worker = self.make_worker().start()
        self.alice = stage.controller("alice")

    def make_machine(self, stage):
        return Machine(stage.make_directory("machine"))

    def make_host(self, policy):
        host = self.stage.host(self.name, groups=["desks"], policy=policy)
        host.servers["desktop"] = {
            "backend": "wts", "sessions_interval": "1h", "timeout": "2s"}
        host.write_config()
        return host

    def make_worker(self):
        return StandinWorker(self.stage, self.host, self.machine)

    def ask(self, request, **options):
        return self.alice.ask(self.name, request, **options)

    def close(self):
        self.machine.check()


def kind():
    """The cast that the environment asks for."""
    if "LASTCALL_WINE_RUN" in os.environ:
        from wine import WineWindows
        return WineWindows
    return Windows
