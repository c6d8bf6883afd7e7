# The name of an exception is gone behind its handler.
try:
    pass
except ValueError as open:
    pass
handle = open("/etc/passwd")  # finds prism:no-filesystem
