from loop import learn


def train(ctx):
    learn(ctx, ctx.build_model())
