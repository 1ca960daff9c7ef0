#!/usr/bin/python3
"""Is the wire contract still what it was?

proto_table.py DESCRIPTOR_SET             fail, and say where, if the protos left the table (TAP)
proto_table.py --update DESCRIPTOR_SET    write what was added since into the table

The build makes proto/descriptor_set.binpb; the table is wire_table.txt. A line of it is one rpc,
message field or enum value. Those marked `spec` are the specification's: they never change, and
--update refuses to change them. Those marked `added` are ours.

Run it with the system's python3, which has Debian's python3-protobuf.
"""
import argparse
import hashlib
import pathlib
import sys

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorSet

TABLE = pathlib.Path(__file__).with_name("wire_table.txt")

# Of the `spec` lines, sorted: nobody bends the specification by editing the table either.
SPEC_SHA256 = "05d6dc3fde8073eca3fb9a7add745d78fdbc85266d5877c69244d5d407ae9159"

HEADER = """\
# The wire contract, line by line; proto_table.py compares the protos with it.
# origin kind name ...
#   rpc    [stream] request -> [stream] response
#   field  number, type, label
#   value  number
"""


def type_name(field):
    if field.type_name:
        return field.type_name.lstrip(".")
    return FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def field_text(message, field):
    for nested in message.nested_type:
        if nested.options.map_entry and type_name(field).endswith(f"{message.name}.{nested.name}"):
            key, value = (type_name(f) for f in nested.field)
            return f"{field.number} map<{key},{value}>"
    text = f"{field.number} {type_name(field)}"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return text + " repeated"
    if field.HasField("oneof_index"):
        return f"{text} oneof:{message.oneof_decl[field.oneof_index].name}"
    return text


def walk_enum(scope, enum):
    for value in enum.value:
        yield ("value", f"{scope}.{enum.name}.{value.name}"), str(value.number)


def walk_message(scope, message):
    name = f"{scope}.{message.name}"
    for enum in message.enum_type:
        yield from walk_enum(name, enum)
    for nested in message.nested_type:
        if not nested.options.map_entry:
            yield from walk_message(name, nested)
    for field in message.field:
        yield ("field", f"{name}.{field.name}"), field_text(message, field)


def walk_service(scope, service):
    for method in service.method:
        sent = "stream " * method.client_streaming + method.input_type.lstrip(".")
        got = "stream " * method.server_streaming + method.output_type.lstrip(".")
        yield ("rpc", f"{scope}.{service.name}.{method.name}"), f"{sent} -> {got}"


def walk(descriptor_set):
    for file in descriptor_set.file:
        if file.package.split(".")[0] != "synctv":
            continue
        for service in file.service:
            yield from walk_service(file.package, service)
        for enum in file.enum_type:
            yield from walk_enum(file.package, enum)
        for message in file.message_type:
            yield from walk_message(file.package, message)


def read_table(path):
    """{(kind, name): (origin, rest)}"""
    table = {}
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                origin, kind, name, rest = line.rstrip("\n").split(" ", 3)
            except ValueError:
                sys.exit(f"{path}:{number}: not a line of the table: {line.rstrip()}")
            if origin not in ("spec", "added") or (kind, name) in table:
                sys.exit(f"{path}:{number}: unknown origin or named twice: {line.rstrip()}")
            table[kind, name] = (origin, rest)
    return table


def spec_sha256(table):
    spec = sorted(f"{k} {n} {rest}\n" for (k, n), (origin, rest) in table.items() if origin == "spec")
    return hashlib.sha256("".join(spec).encode()).hexdigest()


def new_name(key, rest, table, now):
    """The name that `key` got, where it only changed its name."""
    kind, name = key
    scope = name.rpartition(".")[0]
    for (other_kind, other), other_rest in now.items():
        if (other_kind, other.rpartition(".")[0], other_rest) == (kind, scope, rest):
            if (other_kind, other) not in table:
                return other
    return None


def compare(table, now):
    """[(origin, text)] of all deviations, in the table's order."""
    found = []
    renamed = set()
    for key, (origin, rest) in table.items():
        kind, name = key
        is_now = now.get(key)
        if is_now == rest:
            continue
        if is_now is not None:
            found.append((origin, f"changed  {kind} {name}\n         - {rest}\n         + {is_now}"))
        elif other := new_name(key, rest, table, now):
            renamed.add((kind, other))
            found.append((origin, f"renamed  {kind} {name} {rest}\n         + {other}"))
        else:
            found.append((origin, f"removed  {kind} {name} {rest}"))
    for key, rest in now.items():
        if key not in table and key not in renamed:
            found.append(("new", f"new      {' '.join(key)} {rest}"))
    return found


def write_table(path, table, now):
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEADER)
        last_scope = None
        for (kind, name), rest in now.items():
            scope = name.rpartition(".")[0]
            if scope != last_scope:
                out.write("\n")
            last_scope = scope
            origin = table.get((kind, name), ("added",))[0]
            out.write(f"{origin} {kind} {name} {rest}\n")


def verdict(found, update):
    """What is wrong, or None."""
    if any(origin == "spec" for origin, _ in found):
        return "the protos left the specification: this breaks its clients, put it back"
    if found and not update:
        return "the protos left the table; where that is meant: proto_table.py --update"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--table", default=TABLE)
    parser.add_argument("descriptor_set")
    args = parser.parse_args()

    print("1..1")
    with open(args.descriptor_set, "rb") as file:
        now = dict(walk(FileDescriptorSet.FromString(file.read())))
    table = read_table(args.table)
    if spec_sha256(table) != SPEC_SHA256:
        sys.exit(f"{args.table}: a `spec` line was changed, added or removed: put it back")

    found = compare(table, now)
    for origin, text in found:
        print(f"# {origin:5} " + text.replace("\n", "\n# "))
    wrong = verdict(found, args.update)
    if wrong:
        print(f"not ok 1 - {wrong}")
        sys.exit(1)
    if args.update:
        write_table(args.table, table, now)
    print(f"ok 1 - the protos are the {len(now)} lines of the table")


if __name__ == "__main__":
    main()
