"""Calls of the library that carry values on: names are followed through them (survey.py, origins.py)."""


def _of(module: str, names: str) -> set[str]:
    return {f"{module}.{name}" for name in names.split()}


# What they give is, or holds, what they were given.
PASSING = (
    _of("builtins", "iter next list tuple set frozenset reversed sorted enumerate zip filter max min sum vars dict")
    | _of("functools", "partial partialmethod cache lru_cache")
    | _of("itertools", "chain chain.from_iterable cycle repeat islice zip_longest product permutations combinations")
    | _of("itertools", "pairwise tee compress")
    | _of("collections", "deque OrderedDict ChainMap UserDict UserList")
    | {"contextlib.nullcontext", "contextlib.closing", "typing.cast", "copy.copy", "copy.deepcopy"}
)

# They call what they are given, at a place or by a keyword, with whatever else they are given.
CALLING: dict[str, int | str] = {
    **dict.fromkeys(_of("builtins", "map filter"), 0),
    **dict.fromkeys(_of("functools", "partial partialmethod reduce"), 0),
    **dict.fromkeys(_of("itertools", "starmap takewhile dropwhile filterfalse"), 0),
    **dict.fromkeys(_of("itertools", "accumulate groupby"), 1),
    **dict.fromkeys(_of("builtins", "sorted max min"), "key"),
    "collections.defaultdict": 0,
}
IN_PLACE = {"builtins.map", "functools.partial", "functools.partialmethod"}  # the first goes to the first parameter

SETTING_CALLS = {"builtins.setattr", "builtins.object.__setattr__", "dataclasses.replace"}  # give an object attributes
MAKING = {"builtins.type", "collections.namedtuple", "typing.NamedTuple"}  # a class, with attributes
MAKING |= _of("enum", "Enum IntEnum StrEnum Flag IntFlag")

# Methods of whatever object: they give what it holds,
HOLDING = {"get", "pop", "popleft", "popitem", "values", "items", "copy", "setdefault", "__getitem__"}
LOOKING_UP = {"get", "setdefault", "__getitem__"}
# put what they are given into it,
FILLING = {"append", "appendleft", "add", "insert", "extend", "extendleft", "update", "setdefault"}
FILLING |= {"__setitem__", "__iadd__", "__ior__"}
# or give it an attribute.
SETTING = {"__setattr__", "_replace"}

# Who has them may give objects any attribute.
GIVING_ANY = {"__getattr__", "__getattribute__", "__set__", "__setstate__", "__new__", "__prepare__"}
