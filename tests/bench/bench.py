#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench.py BUILD [--json] [--quick] [NAME ...]: measures the programs of a build and prints one table.

Every floor and peer is measured in the same run, in turns with what it is compared with.
"""
import argparse
import atexit
import json
import os
import platform
import resource
import shutil
import sys
import tempfile
import time

from aims import aims
from bench_calls import calls, login, rooms
from bench_cluster import cluster
from bench_loads import loads
from bench_storage import start, writes
from bench_streams import fanout, memory, reports, syncplay
from rig import Lab, Table, stop_all

BENCHES = {"calls": calls, "fanout": fanout, "reports": reports, "memory": memory, "syncplay": syncplay, "writes": writes,
           "loads": loads, "login": login, "rooms": rooms, "start": start, "cluster": cluster}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description="Measures the server beside floors and peers.")
    parser.add_argument("build", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES) + " (all of them)")
    parser.add_argument("--json", action="store_true", help="the rows as JSON instead of a table")
    parser.add_argument("--quick", action="store_true", help="shorter, less and so less sure")
    options = parser.parse_intermixed_args()
    for name in options.names:
        if name not in BENCHES:
            parser.error(f"{name} is none of {', '.join(BENCHES)}")

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    folder = tempfile.mkdtemp(prefix="bench-", dir=options.build)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(stop_all)
    lab, table = Lab(options.build, folder, options.quick), Table()
    began = time.monotonic()
    print("filling a database", file=sys.stderr, flush=True)
    lab.seed()
    for name in options.names or BENCHES:
        print(name, file=sys.stderr, flush=True)
        BENCHES[name](lab, table)
    if options.json:
        print(json.dumps({"machine": machine(), "seconds": time.monotonic() - began, "rows": table.rows,
                          "aims": aims(table)}, indent=1))
    else:
        table.print()
        judged = aims(table)
        print("\naims" if judged else "\nno aim is for what was measured")
        for what, figure, limit, met in judged:
            print(f"  {'met   ' if met else 'missed'}  {figure:8.2f} {limit:8}  {what}")
        print(f"\n{machine()}; {time.monotonic() - began:.0f} s. CPU is what the server's process used, user and "
              "system. A ratio is to the floor's CPU, in the same run.")


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "")
    return f"{os.cpu_count()} x {model or platform.machine()}, Linux {platform.release()}"


if __name__ == "__main__":
    main()
