#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The shared library exports what the headers declare, no more and no less: exported_symbols.py LIB INCLUDE_DIR."""
import pathlib
import re
import subprocess
import sys

DECLARED = re.compile(r"^[ \t]*SYNCTV_API\b[^;{]*?\b(\w+)\s*(?:\(|;|\[)", re.M)


def declared(include_dir):
    names = set()
    for header in pathlib.Path(include_dir, "synctv").glob("*.h"):
        text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", header.read_text(encoding="utf-8"), flags=re.S)
        names.update(DECLARED.findall(text))
    return names


def exported(library):
    out = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", library],
                         check=True, capture_output=True, text=True).stdout
    return {line.split()[0].split("@")[0] for line in out.splitlines()}


def main():
    want, have = declared(sys.argv[2]), exported(sys.argv[1])
    sections = {
        "the headers declare something": [] if want else ["no SYNCTV_API function found"],
        "every exported symbol begins with synctv_": sorted(n for n in have if not n.startswith("synctv_")),
        "every declared function is exported": sorted(want - have),
        "every exported symbol is declared": sorted(have - want),
    }
    print(f"1..{len(sections)}")
    for number, (title, wrong) in enumerate(sections.items(), 1):
        print(f"{'not ok' if wrong else 'ok'} {number} - {title}")
        for name in wrong:
            print(f"# {name}")
    return 1 if any(sections.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
