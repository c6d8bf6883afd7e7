from loop import learn


def train(ctx):
    model = ctx.build_model()
    model.in_training = True
    learn(ctx, model)
