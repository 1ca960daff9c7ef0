#!/bin/sh
# SPDX-License-Identifier: MIT
# Install the build, then compile, link and run a program against what pkg-config says of it, as a user would:
# install_check.sh MESON BUILD_DIR CC CXX (TAP on stdout).
set -u
meson=$1 build=$2 cc=$3 cxx=$4
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
number=0 failed=0

step() { # step TITLE COMMAND...
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

cat >"$tmp/user.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <synctv/synctv.h>

int main(void)
{
    if (strcmp(synctv_version(), SYNCTV_VERSION) != 0)
        return 1;
    if (synctv_error_text(SYNCTV_E_INTERNAL) == NULL)
        return 2;
    return printf("synctv %s\n", synctv_version()) < 0;
}
END
cp "$tmp/user.c" "$tmp/user.cc"

# shellcheck disable=SC2086
build_user() { # build_user COMPILER STANDARD FILE OUT [pkg-config options]
    compiler=$1 standard=$2 file=$3 out=$4
    shift 4
    flags=$(pkg-config "--define-variable=prefix=$prefix" --cflags --libs "$@" synctv) || return 1
    $compiler -std=$standard -Wall -Wextra -Wpedantic -Werror "$file" -o "$out" $flags
}

run_user() {
    LD_LIBRARY_PATH="$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$1"
}

only_public_headers() {
    test -d "$prefix/include/synctv" && test "$(ls "$prefix/include")" = synctv
}

# The unit starts the program that is installed; the example of its settings is there.
unit_fits() {
    unit=$(find "$tmp/root" -name synctv.service) && ini=$(find "$prefix" -name synctv.ini) && test -n "$ini" || return 1
    program=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' "$unit")
    test -x "$tmp/root$program" && "$tmp/root$program" --check-config --config "$ini"
}

step "meson installs into a prefix" "$meson" install -C "$build" --no-rebuild --destdir "$tmp/root"
pc=$(find "$tmp/root" -name synctv.pc | head -n 1)
libdir=${pc%/pkgconfig/synctv.pc}
prefix=$tmp/root$(sed -n 's/^prefix=//p' "$pc" 2>/dev/null)
export PKG_CONFIG_PATH="${pc%/synctv.pc}${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}"

soname_has_minor_version() { # while the major version is 0
    version=$(pkg-config --modversion synctv) || return 1
    soname=$(readelf -d "$tmp/user_c" | sed -n 's/.*NEEDED.*\[\(libsynctv[^]]*\)\].*/\1/p')
    case $version in
    0.*) expected=libsynctv.so.${version%.*} ;;
    *) expected=libsynctv.so.${version%%.*} ;;
    esac
    echo "it needs $soname, not $expected"
    test "$soname" = "$expected"
}

step "only the public headers are installed" only_public_headers
step "the protos for other languages are installed" \
    protoc "-I$prefix/share/synctv/proto" "--descriptor_set_out=$tmp/protos" client.proto
step "the unit of systemd starts the server that is installed" unit_fits
step "a C99 program builds with pkg-config" build_user "$cc" c99 "$tmp/user.c" "$tmp/user_c"
step "the C99 program runs" run_user "$tmp/user_c"
step "it needs the library of its minor version" soname_has_minor_version
step "a C++ program builds with pkg-config" build_user "$cxx" c++11 "$tmp/user.cc" "$tmp/user_cxx"
step "the C++ program runs" run_user "$tmp/user_cxx"
rm -f "$libdir"/libsynctv.so*
step "a C99 program builds with the static library" build_user "$cc" c99 "$tmp/user.c" "$tmp/user_static" --static
step "the static program runs" "$tmp/user_static"
echo "1..$number"
exit $failed
