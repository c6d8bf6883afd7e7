# The import stands inside of a function.
def train(ctx):
    import socket  # finds prism:no-network

    socket.create_connection(("127.0.0.1", 80))  # finds prism:no-network
