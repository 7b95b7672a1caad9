"""Settings of this package's for every model, RecBole's own included."""

from typing import Annotated

from annotated_types import Ge

from recbole_iacn.settings.group import Group
from recbole_iacn.settings.kinds import Cap, Flag, Null, Path, Text


class General(Group):
    """For every model"""

    protocol: Annotated[Text | None, Null("for RecBole's eval_args")] = None
    """The evaluation, see the README's section on protocols; models of this package have one of their own."""

    history_dataset: Flag = None
    """Histories as windows over one table instead of copies (sequential models); by default with a protocol."""

    last_state_only: Flag = None
    """GRU4Rec and SASRec without what their last state does not depend on."""

    eval_negatives: Annotated[Annotated[int, Ge(1), Cap(2**20)] | None, Null("")] = None
    """Candidates per test case beside the clicked item (protocol leave_one_out_sampled); ~ is 1,000."""

    mask_history: Flag = None
    """Rank without the items that the user clicked before (protocol leave_one_out_full)."""

    valid_negatives_file: Path | None = None
    """Negatives of your own for validation (with a protocol)."""

    test_negatives_file: Path | None = None
    """Negatives of your own for the test (with a protocol)."""

    log_tensorboard: Flag = None
    """RecBole's curves in log_tensorboard/."""
