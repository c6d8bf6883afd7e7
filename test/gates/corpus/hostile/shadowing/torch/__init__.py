version = 0  # finds prism:no-shadowing
