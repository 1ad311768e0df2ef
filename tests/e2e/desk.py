"""An operator at work, and the exit statuses of `lastcall`."""

import processes

ONE = ("stop", "--host", "media-01", "--session", "one", "--yes")
OK, BROKER, USAGE, FALSE, SILENT, UNCONFIRMED, REFUSED, STOPPED = range(8)
INTERRUPTED = 130


class Desk:
    """An operator beside the usual scene, who sees what is sent."""

    def __init__(self, scene):
        self.scene = scene
        self.stage = scene.stage
        self.plex = scene.plex
        self.operator = scene.stage.operator()
        self.run = self.operator.run
        self.wire = scene.stage.observer()
        self.wire.subscribe(scene.fleet.topic("all", "command"),
                            scene.fleet.topic("group", "+", "command"),
                            scene.fleet.topic("host", "+", "command"),
                            scene.fleet.topic("trust", "revoked"))

    def sent(self):
        """The commands that were sent, as they were signed."""
        return [m for m in self.wire.since(0)
                if m.topic.endswith("/command")]

    def second_host(self, name="media-02", **options):
        plex = self.stage.standin()
        host = self.stage.host(name, {"home": plex}, **options)
        return self.stage.worker(host).start(), plex


def free_broker():
    return "mqtt://127.0.0.1:%d" % processes.free_port()
