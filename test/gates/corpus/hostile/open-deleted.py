# The definition that hid the builtin is taken away again.
def open(path):
    return path


del open
handle = open("/etc/passwd")  # finds prism:no-filesystem
