# The class cell of a method, by its bare name.
class Model:
    def forward(self):
        return __class__.__mro__  # finds prism:no-dynamic-code
