def random():  # finds prism:no-shadowing
    return 4
