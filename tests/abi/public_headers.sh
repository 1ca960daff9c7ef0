#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public header compiles alone, as C99 and as C++: public_headers.sh INCLUDE_DIR CC CXX (TAP on stdout).
set -u
include=$1 cc=$2 cxx=$3
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
warnings="-Wall -Wextra -Wpedantic -Werror -fsyntax-only"
number=0 failed=0

compiles() { # compiles TITLE COMMAND...
    title=$1
    shift
    number=$((number + 1))
    if "$@" >"$tmp/log" 2>&1; then
        echo "ok $number - $title"
    else
        failed=1
        echo "not ok $number - $title"
        sed 's/^/# /' "$tmp/log"
    fi
}

for header in "$include"/synctv/*.h; do
    name=${header##*/}
    # Twice: the guard must hold. The typedef keeps the translation unit from being empty.
    printf '#include <synctv/%s>\n#include <synctv/%s>\ntypedef int not_empty;\n' "$name" "$name" >"$tmp/one.c"
    cp "$tmp/one.c" "$tmp/one.cc"
    # shellcheck disable=SC2086
    compiles "$name compiles alone as C99" $cc -std=c99 $warnings -I"$include" "$tmp/one.c"
    # shellcheck disable=SC2086
    compiles "$name compiles alone as C++" $cxx -std=c++11 $warnings -I"$include" "$tmp/one.cc"
done
echo "1..$number"
exit $failed
