# A definition of the same name comes too late to hide the builtin.
handle = open("/etc/passwd")  # finds prism:no-filesystem


def open(path):
    return path
