"""What a run of the fleet comes to, and the goals that are set for it."""
import statistics
import sys


def median(rounds, key):
    return statistics.median(round_[key] for round_ in rounds)


def per_host(document, key):
    return (statistics.median(r["told"][key] for r in document["broadcast"]) /
            document["hosts"])


def judge(document):
    """The ratios, with the goals that are set for them."""
    broadcast, floor = document["broadcast"], document["floor"]
    goals = {  # None: nobody has set one
        "lost": (max(r["lost"] for r in broadcast + document["barrier"]), 0),
        "peak_mb": (max(r["peak_mb"] for r in broadcast), 64),
    }
    goals["wall / floor"] = (median(broadcast, "seconds") /
                             median(floor, "seconds"),
                             1.5 if document["hosts"] <= 1000 else None)
    if document["barrier"]:
        barrier = document["barrier"]
        least = (document["verify_s"] +
                 median(barrier, "collect_broker_cpu_s") / 2)
        document["least_s"] = least
        goals["collecting / least"] = (
            median(barrier, "collect_s") / least,
            1.3 if document["hosts"] >= 10000 else None)
        goals["collecting / floor's"] = (median(barrier, "collect_s") /
                                         median(floor, "answers_s"), None)
    return goals


def show(document):
    def row(name, rounds, *keys):
        print(f"{name:24}" + "".join(f"{median(rounds, key):10.2f}"
                                     for key in keys), file=sys.stderr)

    count = document["hosts"]
    print(f"{'':24}{'wall s':>10}{'own CPU':>10}{'broker':>10}{'hosts':>10}"
          f"{'peak MB':>10}", file=sys.stderr)
    columns = ("command_cpu_s", "broker_cpu_s", "hosts_cpu_s", "peak_mb")
    for name, figures in document["read"].items():
        row("lastcall " + name, [figures], "seconds", *columns)
    row("lastcall stop", document["broadcast"], "seconds", *columns)
    row("floor", document["floor"], "seconds", "cpu_s", "broker_cpu_s",
        "hosts_cpu_s")
    row("  its statuses, answers", document["floor"], "statuses_s",
        "answers_s")
    if document["barrier"]:
        row("answers ready first", document["barrier"], "collect_s",
            "collect_command_cpu_s", "collect_broker_cpu_s")
    print(f"the broker grew by {document['broker_mb']:.1f} MB for them"
          + (f"; the site's took {median(document['broadcast'], 'site_cpu_s'):.2f}"
             " s of CPU time for a stop" if document["bridged"] else ""),
          file=sys.stderr)
    print(f"{count} verifications on {document['cores']} cores: "
          f"{document['verify_s']:.3f} s", file=sys.stderr)
    print("until its end each host verified "
          f"{per_host(document, 'verified'):.2f} and signed "
          f"{per_host(document, 'signed'):.2f}; the command, for each host, "
          f"verified {document['command_count']['verified'] / count:.2f}",
          file=sys.stderr)
    for name, (value, goal) in judge(document).items():
        verdict = "" if goal is None else (
            f"  goal <= {goal}  {'met' if value <= goal else 'MISSED'}")
        print(f"  {name:22}{value:10.2f}{verdict}", file=sys.stderr)
    for line in document["dropped"]:
        print("the broker says: " + line, file=sys.stderr)
