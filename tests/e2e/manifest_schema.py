# SPDX-License-Identifier: Apache-2.0
"""Whether a manifest fits docs/formats/manifest.schema.json."""

import json
import pathlib
import re

SCHEMA = pathlib.Path(__file__).parents[2] / "docs/formats/manifest.schema.json"
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def problems(manifest):
    """In what a manifest.json says."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return list(_problems(manifest, schema, schema))


def _problems(value, schema, root, path="manifest"):
    """The part of JSON Schema that ours uses; a keyword that is not known here is a mistake."""
    for keyword, wanted in schema.items():
        if keyword in ("$schema", "$id", "$defs", "title", "description"):
            continue
        if keyword == "$ref":
            yield from _problems(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, path)
        elif keyword == "properties":
            for name in wanted.keys() & value.keys():
                yield from _problems(value[name], wanted[name], root, f"{path}.{name}")
        elif keyword == "additionalProperties":
            for name in value.keys() - schema.get("properties", {}).keys():
                if wanted is False:
                    yield f"{path}.{name} is not in the schema"
                elif isinstance(wanted, dict):
                    yield from _problems(value[name], wanted, root, f"{path}.{name}")
        elif keyword == "items":
            for number, item in enumerate(value):
                yield from _problems(item, wanted, root, f"{path}[{number}]")
        elif not RULES[keyword](value, wanted):
            yield f"{path}: {value!r} breaks {keyword} {wanted!r}"


RULES = {
    "type": lambda v, w: isinstance(v, TYPES[w]) and (w == "boolean" or not isinstance(v, bool)),
    "const": lambda v, w: v == w,
    "enum": lambda v, w: v in w,
    "required": lambda v, w: set(w) <= v.keys(),
    "dependentRequired": lambda v, w: all(set(n) <= v.keys() for k, n in w.items() if k in v),
    "pattern": lambda v, w: re.search(w, v) is not None,
    "minItems": lambda v, w: len(v) >= w,
    "minLength": lambda v, w: len(v) >= w,
    "maxLength": lambda v, w: len(v) <= w,
    "minimum": lambda v, w: v >= w,
    "minProperties": lambda v, w: len(v) >= w,
    "uniqueItems": lambda v, w: not w or len({json.dumps(i) for i in v}) == len(v),
}
