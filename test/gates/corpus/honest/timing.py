import time
import torch


class Timer:
    def __enter__(self):
        self.start = time.perf_counter()
        return self

    def __exit__(self, *exception):
        self.seconds = time.perf_counter() - self.start
        return False


def train(ctx):
    model = ctx.build_model()
    total = sum(p.numel() for p in model.parameters() if p.requires_grad)
    print("parameters", "{:,}".format(total), "%d layers" % len(list(model.children())))
    opt = torch.optim.AdamW(model.parameters())
    for n, batch in enumerate(ctx.iter_train_batches(model), 1):
        with Timer() as timer:
            model(batch.tokens).logsumexp(-1).mean().backward()
            opt.step()
        if n % 10 == 0:
            print("step {0} took {1:.3f} s".format(n, timer.seconds), sep="", end="\n")
