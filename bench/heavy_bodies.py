"""Request bodies and parameters for measurement R8: as large as a schema allows, or hard to parse."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

BODY_BYTES = 1_900_000  # size of the largest JSON body, just below the server's limit of 2 MiB
LONG_TEXT = 200_000  # length of a text whose schema sets no limit, in characters
MANY_ITEMS = 10_000  # number of items of a list whose schema sets no limit
MAX_DEPTH = 4  # maximum nesting of generated objects and lists
LIGATURE = "\ufdfa"  # a character that Unicode compatibility normalisation expands to eighteen characters
MARK = "\u0327"  # a combining mark; Unicode normalisation sorts a long run of them slowly


def resolved(schema: Schema, document: Schema) -> Schema:
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "allOf" in schema or "oneOf" in schema or "anyOf" in schema:
            schema = next(schema[name] for name in ("allOf", "oneOf", "anyOf") if name in schema)[0]
        else:
            return schema


def heaviest(schema: Schema, document: Schema, sign: str = "a", depth: int = 0, budget: int = BODY_BYTES) -> Any:
    """Return the largest value that a schema allows, at most ``budget`` bytes. sign: character that fills all texts."""
    schema = resolved(schema, document)
    if "enum" in schema:
        return schema["enum"][-1]
    kind = schema.get("type", "object")
    if kind == "string":
        if schema.get("format") in ("uuid", "date-time", "uri", "binary") or "pattern" in schema:
            return schema.get("example", "00000000-0000-0000-0000-000000000001")
        return text_of(min(schema.get("maxLength", LONG_TEXT), budget // len(sign.encode())), sign)
    if kind in ("integer", "number"):
        return schema.get("maximum", 2**53 if kind == "integer" else 1e308)
    if kind == "boolean":
        return True
    if depth > MAX_DEPTH:
        return {} if kind == "object" else []
    if kind == "array":
        part = heaviest(schema.get("items", {}), document, sign, depth + 1, budget // 4)
        size = len(json.dumps(part)) + 1
        return [part] * max(1, min(schema.get("maxItems", MANY_ITEMS), budget // size))
    named = schema.get("properties", {})
    share = budget // max(1, len(named))
    found = {name: heaviest(part, document, sign, depth + 1, share) for name, part in named.items()}
    if not named and schema.get("additionalProperties") is not False:
        inner = schema.get("additionalProperties")
        part = heaviest(inner, document, sign, depth + 1, 100) if isinstance(inner, Mapping) and inner else 1
        found = {f"name-{number}": part for number in range(min(1_000, budget // (len(json.dumps(part)) + 14)))}
    return found


def text_of(letters: int, sign: str) -> str:
    return ("a" + sign * letters)[:letters] if sign == MARK else (sign * letters)[:letters]


def hard_json() -> dict[str, bytes]:
    parts = 190_000
    return {
        "nested lists": b"[" * 60 + b",".join([b"[[[[]]]]"] * 48_000) + b"]" * 60,
        "depth": b"[" * (parts // 2) + b"]" * (parts // 2),
        "names": json.dumps({f"n{number}": number for number in range(parts)}).encode()[:BODY_BYTES],
        "digits": b'{"a": ' + b"9" * BODY_BYTES + b"}",
        "numbers of 4 300 digits": b"[" + b",".join([b"9" * 4300] * 440) + b"]",
        "exponents": b"[" + b",".join([b"1e308"] * parts) + b"]",
        "escapes": b'{"a": "' + b"\\u0061" * (BODY_BYTES // 6) + b'"}',
        "blanks": b" " * BODY_BYTES + b"{}",
    }


def hard_headers() -> dict[str, dict[str, str]]:
    return {
        "cookies": {"Cookie": "; ".join(f"c{number}=1" for number in range(5_500))},
        "Accept": {"Accept": ",".join(["a/b;q=0.1"] * 5_000)},
        "X-Forwarded-For": {"X-Forwarded-For": ",".join(["10.0.0.1"] * 6_000)},
        "token": {"Authorization": "Token " + "a" * 50_000},
        "JWT": {"Authorization": "Bearer " + "eyJ." * 12_000},
        "If-None-Match": {"If-None-Match": ",".join(['"a"'] * 12_000)},
        "Accept-Language": {"Accept-Language": ",".join(["de-DE-1996;q=0.5"] * 3_500)},
        "Content-Type": {"Content-Type": "application/json" + ";a=b" * 12_000},
        "Range": {"Range": f"bytes=-{' ' * 50_000}x"},
        "many": {f"X-A{number}": "1" for number in range(900)},
    }


def hard_queries() -> dict[str, str]:
    return {
        "parameters": "&".join(f"a{number}=1" for number in range(990)),
        "one long": "search=" + "a" * 50_000,
        "escaped": "search=" + "%EF%B7%BA" * 5_000,
        "brackets": "a" + "[" * 25_000 + "=1",
    }


def form(fields: list[tuple[str, str, bytes]], boundary: str = "x" * 60) -> tuple[bytes, str]:
    lines = []
    for name, filename, content in fields:
        file = f'; filename="{filename}"' if filename else ""
        kind = "\r\nContent-Type: application/octet-stream" if filename else ""
        lines.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}{kind}\r\n\r\n'.encode())
        lines += [content, b"\r\n"]
    return b"".join([*lines, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def hard_forms() -> dict[str, tuple[bytes, str]]:
    near, kind = form([("a", "", b"--" + b"x" * 59 + b"\r\n" + b"-" * 60) for _ in range(90)])
    lines, kind_of_lines = form([("a", "a.mp4", b"\r\n--" * 400_000)], "-" * 70)
    head = b'--x\r\nContent-Disposition: form-data; name="a"' + b"; a=b" * 12_000 + b"\r\n\r\n1\r\n--x--\r\n"
    return {
        "many fields": form([(f"a{number}", "", b"1") for number in range(3_000)]),
        "many files": form([("file", f"{number}.mp4", b"1") for number in range(3_000)]),
        "nearly boundaries": (near, kind),
        "lines like boundaries": (lines, kind_of_lines),
        "a long head": (head, "multipart/form-data; boundary=x"),
        "a long field": form([("a", "", b"a" * BODY_BYTES)]),
        "a long name of a file": form([("file", "a" * 60_000 + ".mp4", b"1")]),
    }


def hard_tables(wide_bytes: int = 100_000) -> dict[str, bytes]:
    columns = ",".join(f"c{number}" for number in range(wide_bytes // 50))
    wide = f"vod_id,time,end,kind,label,{columns}\r\n"
    rows = max(1, (wide_bytes - len(wide)) // 2)
    plain = "vod_id,time,end,kind,label\r\n"
    return {
        "many columns, short rows": (wide + ",\n" * rows).encode(),
        "one row of many columns": (plain + ",1,,kill," + "," * (BODY_BYTES - 40)).encode(),
        "quotes": (plain + '"' * BODY_BYTES).encode(),
        "many short rows": (plain + ",\n" * (BODY_BYTES // 2)).encode(),
        "blank lines": (plain + "\n" * BODY_BYTES).encode(),
        "digits": (plain + f",{'9' * BODY_BYTES},,kill,\n").encode(),
        "ten thousand rows": (plain + "vod-1,1e2,,kill,label\n" * 10_000).encode(),
        "ligatures": (plain + f",1,,kill,{LIGATURE * 600_000}\n").encode(),
        "NULs": (plain + "\x00" * BODY_BYTES).encode(),
    }


def hard_timelines() -> dict[str, bytes]:
    stack = b'{"OTIO_SCHEMA":"Stack.1","children":['
    track = b'{"OTIO_SCHEMA":"Track.1","children":[]}'
    begin = b'{"OTIO_SCHEMA":"Timeline.1","tracks":'
    marker = b'{"OTIO_SCHEMA":"Marker.2","name":"a"}'
    marked = b'{"OTIO_SCHEMA":"Stack.1","children":[],"markers":['
    return {
        "deep stacks": begin + stack * 5_000 + b"]}" * 5_000 + b"}",
        "many tracks": begin + stack + b",".join([track] * 45_000) + b"]}}",
        "many markers": begin + marked + b",".join([marker] * 48_000) + b"]}}",
        "metadata": begin + stack + b'],"metadata":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}}",
        "unknown schemas": begin + b'{"OTIO_SCHEMA":"' + b"A" * 1_800_000 + b'.1"}}',
    }  # fmt: skip


def hard_captions() -> dict[str, str]:
    cue = "\n00:01.000 --> 00:02.000\n"
    return {
        "20 000 cues": "WEBVTT\n" + "\n00:01.000 --> 00:02.000\na\n" * 18_500,
        "lines of one cue": "WEBVTT\n" + cue + "a\n" * 240_000,
        "digits of a reference": "WEBVTT\n" + cue + "&#" + "1" * 4_300 + ";\n",
        "references": "WEBVTT\n" + cue + "&amp;" * 99_000,
        "half references": "WEBVTT\n" + cue + "&" * 499_000,
        "tags": "WEBVTT\n" + cue + "<" * 499_000,
        "tags with blanks": "WEBVTT\n" + cue + "<v " + " " * 499_000,
        "arrows": "WEBVTT\n" + cue + "-->" * 160_000,
        "half times": "WEBVTT\n\n" + "00:" * 160_000,
        "digits of a time": "WEBVTT\n\n" + "1" * 240_000 + ":00.000 --> " + "1" * 240_000 + ":01.000\na\n",
        "headers": "WEBVTT\n" + "STYLE\n" * 80_000,
        "notes": "WEBVTT\n" + "\nNOTE a\n" * 60_000 + cue + "a\n",
        "SubRip": "".join(f"{number}\n00:00:01,000 --> 00:00:02,000\na\n\n" for number in range(12_000)),
        "SubRip of numbers": "1\n" * 240_000,
        "ligatures": "WEBVTT\n" + cue + LIGATURE * 55_000,
        "marks": "WEBVTT\n" + cue + "a" + MARK * 499_000,
    }
