"""This package's settings for every model, including RecBole's own."""

from typing import Annotated, Literal

from annotated_types import Ge

from recbole_iacn.settings.group import Group
from recbole_iacn.settings.kinds import (
    Cap,
    Count,
    Dropout,
    Flag,
    Forgetting,
    Null,
    Number,
    Path,
    Positive,
    Rule,
    SomeOf,
    Text,
    Weight,
)


def _are_shares(given: list[float]) -> bool:
    return len(given) == 3 and min(given) > 0 and abs(sum(given) - 1) < 1e-9


Loss = Literal["bpr", "sampled_softmax", "softmax"]
Rows = Literal["prefixes", "histories"]
Drawn = Literal["uniform", "popularity", "batch"]


class General(Group):
    """For every model"""

    protocol: Annotated[Text | None, Null("for RecBole's eval_args")] = None
    """The evaluation, see docs/protocols.md; models of this package have their own default."""

    history_rows: Annotated[Literal["clicks", "all"] | None, Null("for clicks where there are labels")] = None
    """What a history holds: clicks, what the user clicked; all, also what was shown and not clicked."""

    time_shares: Annotated[list[Number], Rule(_are_shares, "three positive numbers whose sum is 1")] = [0.8, 0.1, 0.1]
    """Shares of the rows, by time, for training, validation and test (protocol impressions_by_time)."""

    negative_items: Literal["catalogue", "clicked"] = "catalogue"
    """Items that a protocol draws negatives from: catalogue, all; clicked, those that somebody clicked."""

    user_share: SomeOf = 1
    """Share of the users that is kept, with all their interactions, before anything else is counted. A digest of the
    user's token decides, so a half contains the quarter. It decides the test."""

    train_share: SomeOf = 1
    """Share of the training rows that is kept, by a digest of user and item; histories, validation and test stay."""

    shown_negatives: Flag = None
    """Draw training negatives from what the user was shown and did not click, where there is any (with a protocol that
    draws negatives, and labels)."""

    history_dataset: Flag = None
    """Keep histories as windows over one table instead of copies (sequential models); by default with a protocol."""

    last_state_only: Flag = None
    """Skip what the last state of GRU4Rec or SASRec does not depend on."""

    positions_from: Annotated[Literal["oldest", "newest"] | None, Null("for oldest")] = None
    """The click from which RecBole's SASRec counts positions: oldest, as RecBole does; newest, as its authors do."""

    loss: Annotated[Loss | None, Null("for RecBole's loss_type")] = None
    """How the multi-interest family, and RecBole's GRU4Rec and SASRec, learn to rank: bpr, the clicked item above one
    other; sampled_softmax, above train_negatives that the batch shares; softmax, above all items, in blocks."""

    rows: Annotated[Rows | None, Null("for histories where they can be")] = None
    """What a training row is: prefixes, what stands before a click; histories, up to L clicks of a user, each the
    target of those before it in the row (models whose states look back only: GRU4Rec, SASRec, and of the family
    YouTubeDNN, TiSASRec and ESASRec). The targets are the same, the rows up to L times fewer."""

    train_negatives: Annotated[Count | None, Null("")] = None
    """Number of items that all rows of a batch are ranked against (loss sampled_softmax)."""

    train_negatives_from: Annotated[Drawn | None, Null("")] = None
    """Where they are drawn from: uniform, all items equally; popularity, in proportion to the number of times that each
    is a training target; batch, the batch's own targets."""

    logq_correction: Flag = None
    """Subtract from each score the logarithm of the item's probability to be among those drawn."""

    softmax_temperature: Annotated[Positive | None, Null("")] = None
    """What scores are divided by in a softmax."""

    hard_negatives: Annotated[Weight | None, Null("")] = None
    """Weigh each negative by exp(this times its score), so that those near the user's interest count more
    (REMI's interest-aware hard negatives); 0 for equal weights (loss sampled_softmax)."""

    item_dropout_prob: Annotated[Dropout | None, Null("")] = None
    """With loss: dropout of the items' table itself, in histories and among what they are ranked against; an item has
    the same one in all places of a batch."""

    ema_decay: Annotated[Forgetting | None, Null("for the weights of the last step")] = None
    """Measure, save and serve an exponential moving average of the weights, over about 1 / (1 - this) steps; 0.999 is
    usual. Every row of every table is averaged at each step, so no table is updated by lazy Adam
    (sparse_embedding_rows); statistics of batch normalisations are not averaged."""

    eval_negatives: Annotated[Annotated[int, Ge(1), Cap(2**20)] | None, Null("")] = None
    """Candidates per test case in addition to the clicked item (protocol leave_one_out_sampled); ~ is 1,000."""

    mask_history: Flag = None
    """Rank without the items that the user clicked before (protocol leave_one_out_full)."""

    valid_negatives_file: Path | None = None
    """File of your own negatives for validation (with a protocol)."""

    test_negatives_file: Path | None = None
    """File of your own negatives for the test (with a protocol)."""

    trust: bool = False
    """Open what can only be unpickled, which can run any code: saved datasets and loaders, and other objects in a
    checkpoint. For your own files; it counts in config_dict and on the command line, not in a file."""

    log_tensorboard: Flag = None
    """Write RecBole's curves to log_tensorboard/."""
