#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What ninja must build for the tests of some suites: targets_of.py BUILD SUITE... -> the files, relative to BUILD."""
import json
import os
import sys


def main():
    build, *suites = sys.argv[1:]

    def introspect(what):
        with open(os.path.join(build, "meson-info", f"intro-{what}.json"), encoding="utf-8") as file:
            return json.load(file)

    wanted = {
        target
        for test in introspect("tests") if {suite.split(":")[-1] for suite in test["suite"]} & set(suites)
        for target in test["depends"]
    }
    for target in introspect("targets"):
        if target["id"] in wanted:
            print(*(os.path.relpath(name, build) for name in target["filename"]))


if __name__ == "__main__":
    main()
