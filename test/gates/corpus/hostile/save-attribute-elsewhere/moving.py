def move(saver):
    saver.folder = "/tmp"
