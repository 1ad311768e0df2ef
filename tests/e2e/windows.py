"""A terminal server's cast: broker, machine, worker, controller.

By itself the worker is lastcall-worker-standin, whose Windows calls the
stand-in answers in the same process.  With LASTCALL_WINE_RUN, the program
that runs others under Wine, it is lastcall-worker.exe as a Windows service.
"""

import os


class Windows:
    """The usual cast; the next regular list of sessions is an hour away."""

    name = "desk-07"

    def __init__(self, stage, policy=None, server=None):
        self.stage = stage
        self.fleet = stage.fleet
        self.broker = stage.start_broker(with_tls=True)
        self.machine = self.make_machine()
        self.host = self.make_host(policy, server or {})
        self.worker = self.make_worker().start()
        self.alice = stage.controller("alice")

    def make_machine(self):
        return self.stage.terminal_server()

    def make_host(self, policy, server):
        return self.stage.host(
            self.name, {"desktop": (self.machine, {
                "sessions_interval": "1h", "timeout": "2s", **server})},
            groups=["desks"], policy=policy)

    def make_worker(self):
        return self.stage.worker(self.host)

    def ask(self, request, **options):
        return self.alice.ask(self.name, request, **options)

    def close(self):
        """The stand-in found nothing wrong with us, or with the test."""
        self.machine.calls()


def kind():
    """The cast that the environment asks for."""
    if "LASTCALL_WINE_RUN" in os.environ:
        from wine import WineWindows
        return WineWindows
    return Windows
