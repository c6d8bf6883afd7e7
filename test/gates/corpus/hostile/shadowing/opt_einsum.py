is_available = True  # finds prism:no-shadowing
