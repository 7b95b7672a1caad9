"""The setting ``ema_decay`` for RecBole's own trainer."""

from recbole_iacn.bridge.wrapping import wrap


def patch_epochs(module):
    """Let an epoch of RecBole's trainer end with an average of the weights, if ``ema_decay`` is set.

    Args:
        module: ``recbole.trainer.trainer``.
    """
    from recbole_iacn.training.weight_average import averaged_weights

    @wrap(module.Trainer, "_train_epoch")
    def train_epoch(original, trainer, *args, **kwargs):
        with averaged_weights(trainer):
            return original(trainer, *args, **kwargs)
