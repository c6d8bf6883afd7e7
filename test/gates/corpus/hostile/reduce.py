# A class whose unpickling runs what it likes.
class Trojan:
    def __reduce__(self):  # finds prism:no-attribute-escape
        return (print, ("unpickled",))
