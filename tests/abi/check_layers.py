#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Arrows point one way: which folder may include which, as ARCHITECTURE.md draws it, and which files need each other,
and how their names begin.

Run it anywhere: tests/abi/check_layers.py [root [build]]. It prints TAP, some tests per folder. What a file needs it
takes from the objects in the build folder; without one that is left out.
"""
import itertools
import pathlib
import re
import subprocess
import sys

# Folder of lib/ -> folders of lib/ that it may include besides itself. Public headers are open to all.
LAYERS = {
    "base": set(),
    "core": {"base"},
    "auth": {"base"},
    "store": {"base", "core"},
    "media": {"base"},
    "cluster": {"base", "core"},
    "api": {"base"},
    "node": {"base", "core", "auth", "store", "media", "cluster", "api"},
    "rpc": {"base", "proto"},
    "wire": {"base", "core", "cluster", "api", "proto"},
    "service": {"base", "rpc", "wire", "api", "proto"},
    "client": {"base", "rpc", "wire", "api", "proto"},
    "peer": {"base", "auth", "cluster", "rpc", "wire", "api", "node"},
    "embed": {"base", "node", "rpc", "service", "client", "peer", "api"},
}

# Folders inside a folder of lib/ that look only down: each may use itself and those before it. "" is the folder's own files.
STORIES = {
    "node": ["engine", "links", "people", "streams", "rooms", "calls", ""],
}

# Folders inside a folder of lib/ that know little of each other: each may use itself and those named, and the folder's
# own files.
WALLS = {
    "store": {"sql": set(), "sqlite": {"sql"}, "postgres": {"sql"}},
}

# So many files of a folder may need each other in a circle. A file needs another when it uses a function or variable of it.
CIRCLE_MAX = 3

# How the names begin that a folder shows to others: functions, variables, and the types and SV_ macros of its headers.
PREFIXES = {
    "rpc": ("sv_rpc_",),
    "wire": ("sv_wire_",),
    "service": ("sv_service_",),
    "client": ("sv_client_", "synctv_client_", "synctv_player_"),
    "peer": ("sv_peer_",),
}

# A foreign library has one home, so that it can be replaced there.
FOREIGN = {
    "grpc/": {"rpc"},
    "sqlite3.h": {"store"},
    "libpq-fe.h": {"store"},
    "protobuf-c/": {"wire", "service", "client", "rpc"},
    "jwt.h": {"auth"},
    "jansson.h": {"wire"},
    "argon2.h": {"auth"},
    "utf8proc.h": {"core"},
    "zlib.h": {"rpc"},
    "openssl/": {"base", "auth", "rpc"},
    "uthash.h": set(LAYERS),
    "utlist.h": set(LAYERS),
    "uv.h": set(),
    "ini.h": set(),
}

# A public header must not pull anything in that a C99 or C++ compiler does not bring.
LIBC_FOR_PUBLIC = {"stddef.h", "stdint.h", "stdbool.h", "string.h", "stdarg.h", "limits.h", "time.h"}

# Programs see what a user of the library sees, and these.
PROGRAMS = {
    "server": {"uv.h", "ini.h", "openssl/err.h", "openssl/ssl.h", "llhttp/llhttp.h"},
    "examples": {"uv.h"},
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def includes(path):
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), text, flags=re.S)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1) == '"', match.group(2)


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".c", ".h"))


def is_proto(name):
    return name.endswith(".pb-c.h") or name == "descriptor_set.h"


def foreign_rule(name):
    for prefix, homes in FOREIGN.items():
        if name == prefix or (prefix.endswith("/") and name.startswith(prefix)):
            return homes
    return None


def check_area(root, area, path):
    """Yield what is wrong with one file of lib/<area>."""
    for line, quoted, name in includes(path):
        if name.startswith("synctv/"):
            if not (root / "lib/include" / name).exists():
                yield line, f"no such public header: {name}"
            continue
        if is_proto(name):
            if "proto" not in LAYERS[area]:
                yield line, f"{area} may not use the generated messages ({name})"
            continue
        if not quoted:
            homes = foreign_rule(name)
            if homes is not None and area not in homes:
                yield line, f"<{name}> is used in {', '.join(sorted(homes)) or 'server/'} only"
            continue
        top = name.split("/")[0]
        if (path.parent / name).exists():
            continue  # its own folder
        if not (root / "lib" / name).exists():
            yield line, f'"{name}" is neither beside this file nor lib/{name}'
        elif top != area and top not in LAYERS[area]:
            yield line, f"{area} may not include {top} ({name})"


def check_public(root, path):
    for line, _, name in includes(path):
        if name.startswith("synctv/"):
            if not (root / "lib/include" / name).exists():
                yield line, f"no such public header: {name}"
        elif not (path.parent / name).exists() and name not in LIBC_FOR_PUBLIC:
            yield line, f"a public header may not include {name}"


def check_program(folder, allowed, path):
    for line, quoted, name in includes(path):
        if quoted and not name.startswith("synctv/"):
            if not (path.parent / name).exists() and not (folder / name).exists():
                yield line, f'"{name}" is not part of {folder.name}/'
        elif foreign_rule(name) is not None and name not in allowed:
            yield line, f"{folder.name}/ uses the public API, not <{name}>"


def symbols(build, area, source):
    """What an object of the build defines for others, and what it wants of others; None if it is not there."""
    object_name = str(source).replace("/", "_") + ".o"
    path = build / "lib" / f"libsv_{area}.a.p" / object_name
    if not path.exists():
        return None
    done = subprocess.run(["nm", "--extern-only", "--format=posix", path], capture_output=True, text=True, check=True)
    defined, wanted = set(), set()
    for line in done.stdout.splitlines():
        name, kind = line.split()[:2]
        (wanted if kind in "Uwv" else defined).add(name)
    return defined, wanted


def needs(root, build, area):
    """Source -> {source of the same area that it uses: one symbol}, paths relative to lib/, and what is missing."""
    of, missing, home = {}, [], {}
    for path in sorted((root / "lib" / area).rglob("*.c")):
        source = path.relative_to(root / "lib")
        found = symbols(build, area, source)
        if found is None:
            missing.append(f"lib/{source}: it has no object in {build}")
            continue
        of[source] = found[1]
        home.update(dict.fromkeys(found[0], source))
    graph = {source: {home[name]: name for name in sorted(wanted) if home.get(name, source) != source}
             for source, wanted in of.items()}
    return graph, missing


def circles(graph):
    """Sets of files that reach each other."""
    def reach(start):
        seen, todo = set(), [start]
        while todo:
            for other in graph[todo.pop()]:
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen
    reached = {source: reach(source) for source in graph}
    return {frozenset(b for b in reached[a] if a in reached[b]) for a in graph} - {frozenset()}


def check_circles(root, build, area):
    graph, wrong = needs(root, build, area)
    for circle in circles(graph):
        if len(circle) <= CIRCLE_MAX:
            continue
        wrong.append(f"lib/{area}: {len(circle)} files need each other: {', '.join(sorted(p.stem for p in circle))}")
        for a, b in itertools.permutations(sorted(circle), 2):
            if b in graph[a]:
                wrong.append(f"  {a} needs {b} ({graph[a][b]})")
    return wrong


HEADER_NAME = re.compile(r"^(?:struct|union|enum) (\w+) \{|^typedef .*?[ *(](\w+)\)?(?:\(.*)?;$|^#define (SV_\w+)", re.M)


def check_names(root, build, area):
    """What a folder shows under a name that does not begin with its prefix."""
    def is_own(name):
        return (name.lower() + "_").startswith(PREFIXES[area])
    wrong = []
    for path in sources(root / "lib" / area):
        source = path.relative_to(root / "lib")
        if path.suffix == ".h":
            text = path.read_text(encoding="utf-8")
            names = {name for match in HEADER_NAME.finditer(text) for name in match.groups() if name}
        else:
            names = (symbols(build, area, source) or (set(),))[0]
        wrong += [f"lib/{source}: {name} does not begin with {' or '.join(PREFIXES[area])}"
                  for name in sorted(names) if not is_own(name)]
    return wrong


def story_of(area, path):
    """The place of a file, relative to lib/, among the stories of its area."""
    story = path.parts[1] if len(path.parts) > 2 else ""
    return STORIES[area].index(story) if story in STORIES[area] else None


def check_stories(root, build, area):
    wrong = []
    folder = root / "lib" / area
    for path in sources(folder):
        own = story_of(area, path.relative_to(root / "lib"))
        if own is None:
            wrong.append(f"{path.relative_to(root)}: this folder is not in the table of stories")
            continue
        for line, _, name in includes(path):
            if name.startswith(area + "/") and (story_of(area, pathlib.Path(name)) or 0) > own:
                wrong.append(f"{path.relative_to(root)}:{line}: it may not look up to {name}")
    graph, missing = needs(root, build, area)
    for source, uses in graph.items():
        for other, name in uses.items():
            if (story_of(area, other) or 0) > (story_of(area, source) or 0):
                wrong.append(f"lib/{source}: it may not use {name} of lib/{other}")
    return wrong + missing


def check_walls(root, build, area):
    """What a folder inside a folder includes or uses of one that it may not know."""
    walls = WALLS[area]

    def inner(path):
        return path.parts[1] if len(path.parts) > 2 else None

    def may(source, other):
        own, wanted = inner(source), inner(other)
        return own is None or wanted in (None, own) or wanted in walls[own]
    graph, wrong = needs(root, build, area)
    for path in sources(root / "lib" / area):
        source = path.relative_to(root / "lib")
        if inner(source) is not None and inner(source) not in walls:
            wrong.append(f"lib/{source}: this folder is not in the table of walls")
            continue
        wrong += [f"lib/{source}:{line}: it may not include {name}" for line, _, name in includes(path)
                  if name.startswith(area + "/") and not may(source, pathlib.Path(name))]
        wrong += [f"lib/{source}: it may not use {name} of lib/{other}"
                  for other, name in graph.get(source, {}).items() if not may(source, other)]
    return wrong


def check_needs(root, build):
    """Yield (title, what is wrong; None = not asked)."""
    for area in sorted(p.name for p in (root / "lib").iterdir() if p.name in LAYERS and sources(p)):
        is_asked = build is not None
        if area in STORIES:
            yield f"lib/{area}'s stories look only down", check_stories(root, build, area) if is_asked else None
        if area in WALLS:
            yield f"lib/{area}'s folders keep to themselves", check_walls(root, build, area) if is_asked else None
        if area in PREFIXES:
            yield f"lib/{area}'s names begin with its prefix", check_names(root, build, area) if is_asked else None
        yield (f"lib/{area} has no circle of more than {CIRCLE_MAX} files",
               check_circles(root, build, area) if is_asked else None)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    build = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
    checks = [("lib/include", root / "lib/include", lambda p: check_public(root, p))]
    for folder in sorted(p for p in (root / "lib").iterdir() if p.is_dir() and p.name != "include"):
        if not sources(folder):
            continue
        if folder.name in LAYERS:
            checks.append((f"lib/{folder.name}", folder, lambda p, a=folder.name: check_area(root, a, p)))
        else:
            checks.append((f"lib/{folder.name}", folder, lambda p: [(1, "this folder is not in the table of layers")]))
    for name, allowed in PROGRAMS.items():
        folder = root / name
        if folder.is_dir():
            checks.append((name, folder, lambda p, f=folder, a=allowed: check_program(f, a, p)))

    results = [(f"{title} includes only what it may",
                [f"{p.relative_to(root)}:{line}: {text}" for p in sources(folder) for line, text in check(p)])
               for title, folder, check in checks]
    results += check_needs(root, build)
    print(f"1..{len(results)}")
    failed = 0
    for number, (title, wrong) in enumerate(results, 1):
        if wrong is None:
            print(f"ok {number} - {title} # SKIP")
            continue
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} - {title}")
        for text in wrong:
            print(f"# {text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
