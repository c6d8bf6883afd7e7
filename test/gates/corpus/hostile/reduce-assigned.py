# The same, without a definition.
class Trojan:
    __reduce_ex__ = lambda self, protocol: (print, ("unpickled",))  # finds prism:no-attribute-escape
