"""What a new shape no longer takes of what an old one took: a subtype check of JSON Schemas.

A shape is a JSON Schema as msgspec makes them, with its nested structs under `$defs`. `narrowing`
finds nothing only when every record that we wrote in the old shape is taken by the new one and
means the same. JSON Schema alone would ask for less and for more: a field that is gone, or another
default, changes what old records say, though they are still taken; and a new optional field can
only clash with a field of that name that nobody wrote. What cannot be judged is refused.
(Subtyping of JSON Schemas: Habib, Shinnar, Hirzel, Pradel, ISSTA 2021.)
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator

Schema = dict[str, Any]
Pairs = frozenset[tuple[int, int]]

LOWER = {"minLength", "minItems", "minProperties"}
UPPER = {"maxLength", "maxItems", "maxProperties"}
BOUNDS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "pattern"}
INSIDE = {"properties", "required", "additionalProperties", "propertyNames", "items", "prefixItems"}
PROSE = {"title", "description", "examples", "discriminator", "default"}
JUDGED = LOWER | UPPER | BOUNDS | INSIDE | PROSE | {"type", "enum", "anyOf", "$ref", "$defs"}
NO_DEFAULT = object()


def narrowing(old: Schema, new: Schema) -> list[str]:
    """Return what the new shape refuses or reads otherwise, a line each; [] when nothing."""
    return list(Comparison(old.get("$defs", {}), new.get("$defs", {})).of(old, new))


class Comparison(NamedTuple):
    """Two shapes by the structs that they name."""

    old: Schema
    new: Schema

    def of(self, old: Schema, new: Schema, at: str = "", above: Pairs = frozenset()) -> Iterator:
        """Yield the faults at one place; `above` are the pairs of structs that lead here."""
        choices = list(alternatives(new, self.new))
        for one in alternatives(old, self.old):
            yield from self.among(one, choices, at, above)

    def among(self, old: Schema, choices: list[Schema], at: str, above: Pairs) -> Iterator[str]:
        """Yield why none of the new alternatives takes an old one: what the nearest lacks."""
        found = [list(self.one(old, new, at, above)) for new in choices]
        if all(found):
            near = [faults for faults, new in zip(found, choices, strict=True) if akin(old, new)]
            gone = f"{place(at)} was {words(old)}, is now {' or '.join(map(words, choices))}"
            yield from min(near, key=len, default=[gone])

    def one(self, old: Schema, new: Schema, at: str, above: Pairs) -> Iterator[str]:
        """Compare two alternatives that are neither a reference nor a union."""
        if "enum" in old and "properties" not in new:
            takes = Draft202012Validator(new).is_valid
            if lost := [value for value in old["enum"] if not takes(value)]:
                yield f"{place(at)} may no longer be {', '.join(map(repr, lost))}"
        elif not meaning(new) and "properties" not in old:
            return  # anything goes
        elif not akin(old, new) or ("enum" in new):
            yield f"{place(at)} was {words(old)}, is now {words(new)}"
        else:
            yield from tightened(old, new, at)
            if "properties" in old:
                yield from self.struct(old, new, at, above)
            elif old.get("type") == "object":
                for inside in ("additionalProperties", "propertyNames"):
                    yield from self.of(*both(inside, old, new), f"{at}{{}}", above)
            elif old.get("type") == "array":
                yield from self.array(old, new, at, above)

    def struct(self, old: Schema, new: Schema, at: str, above: Pairs) -> Iterator[str]:
        """Compare two structs, field by field; those that lead here are compared there."""
        pair = id(old), id(new)
        if pair in above:
            return
        above |= {pair}
        was, now = old["properties"], new["properties"]
        had, needs = set(old.get("required", ())), set(new.get("required", ()))
        dot = f"{at}." if at else ""
        for name in sorted(was.keys() - now.keys()):
            like = [other for other in sorted(now.keys() - was.keys()) if now[other] == was[name]]
            hint = f" (is it {like[0]} now?)" if like else ""
            yield f"field {dot}{name} is gone{hint}"
        for name in sorted(needs - had):
            why = "has no default any more" if name in was else "is new and has no default"
            yield f"field {dot}{name} {why}: old records lack it"
        for name in sorted(was.keys() & now.keys()):
            if name not in had | needs:
                yield from other_default(was[name], now[name], dot + name)
            yield from self.of(was[name], now[name], dot + name, above)
        if new.get("additionalProperties") is False and old.get("additionalProperties", True):
            yield f"{place(at)} refuses fields that it does not know"

    def array(self, old: Schema, new: Schema, at: str, above: Pairs) -> Iterator[str]:
        """Compare two lists, or two tuples place by place."""
        was, now = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(was) != len(now):
            yield f"{place(at)} had {len(was)} fixed places, has {len(now)}"
        for number, (one, other) in enumerate(zip(was, now, strict=False)):
            yield from other_default(one, other, f"{at}[{number}]")
            yield from self.of(one, other, f"{at}[{number}]", above)
        items = both("items", old, new)
        if False not in items:
            yield from self.of(*items, f"{at}[]", above)


def alternatives(schema: Schema, defs: Schema) -> Iterator[Schema]:
    """Yield what a schema allows, with references followed and unions flattened."""
    if "$ref" in schema:
        yield from alternatives(defs[schema["$ref"].rsplit("/", 1)[-1]], defs)
    elif "anyOf" in schema:
        for one in schema["anyOf"]:
            yield from alternatives(one, defs)
    else:
        yield schema


def both(inside: str, old: Schema, new: Schema) -> tuple[Any, Any]:
    """What two schemas say of their insides; nothing said is anything allowed."""
    return old.get(inside, {}), new.get(inside, {})


def meaning(schema: Schema) -> Schema:
    """A schema without its prose."""
    return {key: value for key, value in schema.items() if key not in PROSE}


def akin(old: Schema, new: Schema) -> bool:
    """Say whether two alternatives are of one kind, so that it is worth naming what differs."""
    if ("properties" in old) != ("properties" in new):
        return False
    return old.get("type") == new.get("type") and ("enum" in old) == ("enum" in new)


def tightened(old: Schema, new: Schema, at: str) -> Iterator[str]:
    """Yield the limits of a new schema that an old one did not have."""
    for key in sorted(LOWER | UPPER):
        sign = 1 if key in LOWER else -1
        if key in new and (key not in old or sign * new[key] > sign * old[key]):
            yield f"{place(at)} has {key} {new[key]}, had {old.get(key, 'none')}"
    if lowest(new) > lowest(old):
        yield f"{place(at)} has a higher minimum"
    if highest(new) < highest(old):
        yield f"{place(at)} has a lower maximum"
    step = new.get("multipleOf")
    if step is not None and ("multipleOf" not in old or old["multipleOf"] % step):
        yield f"{place(at)} must be a multiple of {step}"
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        yield f"{place(at)} must match another pattern, {new['pattern']}"
    for key in sorted((old.keys() | new.keys()) - JUDGED):
        if old.get(key) != new.get(key):
            yield f"{place(at)} had {key} {old.get(key)!r}, has {new.get(key)!r}"


def lowest(schema: Schema) -> tuple[float, bool]:
    """The least number that a schema takes, and whether that one is left out."""
    limits = [(schema["minimum"], False)] if "minimum" in schema else []
    if "exclusiveMinimum" in schema:
        limits.append(whole(schema, schema["exclusiveMinimum"], 1))
    return max(limits, default=(float("-inf"), False))


def highest(schema: Schema) -> tuple[float, bool]:
    """The greatest number that a schema takes, and False where that one is left out."""
    limits = [(schema["maximum"], True)] if "maximum" in schema else []
    if "exclusiveMaximum" in schema:
        number, left_out = whole(schema, schema["exclusiveMaximum"], -1)
        limits.append((number, not left_out))
    return min(limits, default=(float("inf"), True))


def whole(schema: Schema, limit: float, step: int) -> tuple[float, bool]:
    """An exclusive limit: of integers it is the inclusive limit one further."""
    return (limit + step, False) if schema.get("type") == "integer" else (limit, True)


def other_default(old: Schema, new: Schema, at: str) -> Iterator[str]:
    """Yield that a default is another one."""
    was, now = old.get("default", NO_DEFAULT), new.get("default", NO_DEFAULT)
    if NO_DEFAULT in (was, now):
        if was is not now:
            yield f"field {at} had another kind of default"
    elif json.dumps(was, sort_keys=True) != json.dumps(now, sort_keys=True):
        yield (
            f"field {at} had the default {json.dumps(was)}, has {json.dumps(now)}: "
            "old records that lack it would change their meaning"
        )


def place(at: str) -> str:
    """How a place is called in a message."""
    return f"field {at}" if at else "it"


def words(schema: Schema) -> str:
    """A schema in a word or two."""
    if "enum" in schema:
        return "one of " + ", ".join(map(repr, schema["enum"]))
    if "properties" in schema:
        return f"a struct of {', '.join(schema['properties'])}"
    return schema.get("type", "anything")
