class Giving:
    def __getattr__(self, name):
        return "/tmp/x.pt"
