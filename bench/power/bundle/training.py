from loop import learn


def train(ctx):
    learn(ctx, ctx.build_model(), batch_size=16, seq_len=64)
