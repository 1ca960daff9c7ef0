#!/usr/bin/env python3
"""What the C compilers of protobuf leave to do.

generate.py messages PROTOC_C ROOT FILE OUT_C OUT_H
    Run protoc-c on FILE below ROOT. The result lies flat, so that `grpc/health/v1/health.proto` can
    be included as "grpc_health_v1.pb-c.h", and has no C keyword for a method's name (Register).

generate.py embed FILE OUT_C
    Turn the descriptor set FILE into the C array that descriptor_set.h declares.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

C_KEYWORDS = """auto break case char const continue default do double else enum extern float for
goto if inline int long register restrict return short signed sizeof static struct switch typedef
union unsigned void volatile while""".split()


def messages(protoc_c, root, file, out_c, out_h):
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run([protoc_c, f"--proto_path={root}", f"--c_out={tmp}", file], check=True)
        stem = file.removesuffix(".proto")
        for suffix, out in ((".pb-c.c", out_c), (".pb-c.h", out_h)):
            text = (pathlib.Path(tmp) / (stem + suffix)).read_text()
            text = text.replace(f'"{stem}.pb-c.h"', f'"{pathlib.Path(out_h).name}"')
            text = re.sub(rf"\(\*({'|'.join(C_KEYWORDS)})\)", r"(*\1_)", text)
            pathlib.Path(out).write_text(text)


def embed(file, out_c):
    data = pathlib.Path(file).read_bytes()
    rows = (data[i:i + 20] for i in range(0, len(data), 20))
    body = "\n".join("    " + ",".join(str(byte) for byte in row) + "," for row in rows)
    pathlib.Path(out_c).write_text(
        '#include "descriptor_set.h"\n\n'
        f"const unsigned char sv_descriptor_set[] = {{\n{body}\n}};\n"
        "const size_t sv_descriptor_set_len = sizeof sv_descriptor_set;\n")


if __name__ == "__main__":
    {"messages": messages, "embed": embed}[sys.argv[1]](*sys.argv[2:])
