#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Arrows point one way: which folder may include which, as ARCHITECTURE.md draws it.

Run it anywhere: tests/abi/check_layers.py [root]. It prints TAP, one test per folder.
"""
import pathlib
import re
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
    "wire": {"base", "core", "api", "proto"},
    "service": {"base", "rpc", "wire", "api", "proto"},
    "client": {"base", "rpc", "wire", "api", "proto"},
    "embed": {"base", "node", "rpc", "service", "client", "api"},
}

# A foreign library has one home, so that it can be replaced there.
FOREIGN = {
    "grpc/": {"rpc"},
    "sqlite3.h": {"store"},
    "protobuf-c/": {"wire", "service", "client", "rpc"},
    "jwt.h": {"auth"},
    "argon2.h": {"auth"},
    "utf8proc.h": {"core"},
    "openssl/": {"base", "auth", "rpc"},
    "uthash.h": set(LAYERS),
    "utlist.h": set(LAYERS),
    "uv.h": set(),
    "ini.h": set(),
}

# A public header must not pull anything in that a C99 or C++ compiler does not bring.
LIBC_FOR_PUBLIC = {"stddef.h", "stdint.h", "stdbool.h", "stdarg.h", "limits.h", "time.h"}

# Programs see what a user of the library sees, and these.
PROGRAMS = {
    "server": {"uv.h", "ini.h", "openssl/err.h", "openssl/ssl.h"},
    "examples": set(),
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


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
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

    print(f"1..{len(checks)}")
    failed = 0
    for number, (title, folder, check) in enumerate(checks, 1):
        wrong = [f"{p.relative_to(root)}:{line}: {text}" for p in sources(folder) for line, text in check(p)]
        failed += bool(wrong)
        print(f"{'not ok' if wrong else 'ok'} {number} - {title} includes only what it may")
        for text in wrong:
            print(f"# {text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
