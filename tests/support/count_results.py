#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count what meson's logs tell: count_results.py TESTLOG.json... -> "PASSED FAILED SKIPPED" on one line.

Each TAP line counts; a test that speaks no TAP counts as one. A test that ended badly without a "not ok" of its
own (crash, time-out, too few lines) counts as one failure more. What is known of each failure goes to stderr.
"""
import json
import re
import sys

TAP_LINE = re.compile(r"^(not )?ok\b(.*)$", re.M)
GOOD = {"OK", "EXPECTEDFAIL"}


def count(test):
    passed = failed = skipped = 0
    for negated, rest in TAP_LINE.findall(test.get("stdout") or ""):
        if re.search(r"#\s*(skip|todo)", rest, re.I):
            skipped += 1
        elif negated:
            failed += 1
        else:
            passed += 1
    if test["result"] == "SKIP" and not passed + failed + skipped:
        skipped = 1
    elif test["result"] in GOOD and not passed + failed + skipped:
        passed = 1
    elif test["result"] not in GOOD | {"SKIP"} and not failed:
        failed = 1
    return passed, failed, skipped


def explain(test):
    print(f"--- {test['name']}: {test['result']}: {' '.join(test['command'])}", file=sys.stderr)
    told = False
    for line in (test.get("stdout") or "").splitlines():
        told = line.startswith("not ok") or (told and not line.startswith("ok"))
        if told:
            print(line, file=sys.stderr)
    for line in (test.get("stderr") or "").splitlines()[-60:]:
        print(line, file=sys.stderr)


def main():
    totals = [0, 0, 0]
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as log:
            for line in log:
                test = json.loads(line)
                counts = count(test)
                totals = [a + b for a, b in zip(totals, counts)]
                if counts[1]:
                    explain(test)
    print(*totals)


if __name__ == "__main__":
    main()
