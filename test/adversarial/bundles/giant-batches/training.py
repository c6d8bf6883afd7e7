from loop import learn


def train(ctx):
    learn(ctx, ctx.build_model(), batch_size=ctx.token_budget // 64 // 16, seq_len=16)
