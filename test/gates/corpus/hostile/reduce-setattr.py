# The same, by setattr.
class Trojan:
    pass


setattr(Trojan, "__reduce__", print)  # finds prism:no-attribute-escape
