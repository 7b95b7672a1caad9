"""Settings of this package's for every model, RecBole's own included."""

from typing import Annotated

from annotated_types import Ge

from recbole_iacn.settings.group import Group
from recbole_iacn.settings.kinds import Cap, Null, Path, Text


class General(Group):
    """For every model"""

    protocol: Annotated[Text | None, Null("for RecBole's eval_args")] = None
    """The evaluation, see the README's section on protocols; models of this package have one of their own."""

    history_dataset: bool | None = None
    """Histories as windows over one table instead of copies (sequential models); by default with a protocol."""

    last_state_only: bool | None = None
    """GRU4Rec and SASRec without what their last state does not depend on."""

    eval_negatives: Annotated[int, Ge(1), Cap(2**20)] | None = None
    """Candidates per test case beside the clicked item (protocol leave_one_out_sampled); ~ is 1,000."""

    mask_history: bool | None = None
    """Rank without the items that the user clicked before (protocol leave_one_out_full)."""

    valid_negatives_file: Path | None = None
    """Negatives of your own for validation (with a protocol)."""

    test_negatives_file: Path | None = None
    """Negatives of your own for the test (with a protocol)."""

    log_tensorboard: bool | None = None
    """RecBole's curves in log_tensorboard/."""
