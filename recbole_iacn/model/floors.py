"""The floors: models that count clicks and learn nothing. A trained model that is below one has learned little.

Their scores order items; they are not probabilities, so LogLoss does not apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
import torch
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import Tensor

from recbole_iacn.data.training_clicks import training_clicks

if TYPE_CHECKING:
    from recbole.config import Config
    from recbole.data.dataset import Dataset
    from recbole.data.interaction import Interaction

_TIE_BITS = 11  # of a float32's 23 bits of significand, for what decides between equal cosines


class Floor(SequentialRecommender):
    """What both floors share: counts of the clicks of training rows, made once, and no weights.

    Attributes:
        users_of_item (torch.LongTensor): number of users who clicked each item in the training rows, shape (items,).
    """

    dataset_class = "recbole_iacn.data.history.HistoryDataset"
    trainer_class = "recbole_iacn.training.counting.CountingTrainer"
    input_type = InputType.POINTWISE
    loss_names: tuple[str, ...] = ("main",)
    gives_probabilities = False
    users_of_item: Tensor

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset)
        users, items = training_clicks(dataset)
        self.n_users = dataset.user_num
        self.register_buffer("users_of_item", torch.from_numpy(np.bincount(items, minlength=self.n_items)))
        self.count(users, items)

    def count(self, users: np.ndarray, items: np.ndarray) -> None:
        """Count what else the model needs; called once, by the constructor.

        Args:
            users, items (numpy.ndarray): internal ids of the training rows' clicks, each pair once.
        """

    def calculate_loss(self, interaction: Interaction) -> Tensor:
        """Zero: there is nothing to learn."""
        return torch.zeros((), device=self.users_of_item.device)


class Popularity(Floor):
    """An item's score is the number of users who clicked it in the training rows, the same for every user.

    A user counts once per item, as in ``negatives: popularity``. The histories of training rows count, too, since a
    user's first click is no row of its own. Also known as MostPop. RecBole's ``Pop`` is no sequential model, so it
    cannot take the tests of those.
    """

    def predict(self, interaction: Interaction) -> Tensor:
        """The score of each row's item, float32, shape (B,)."""
        return self.users_of_item[interaction[self.ITEM_ID]].float()

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """The scores of all items, float32, shape (B, items), padding item included."""
        return self.users_of_item.float().repeat(len(interaction), 1)


class ItemNeighbours(Floor):
    """An item's score is its cosine with the newest item of the history, over the users who clicked them:

        cos(i, j) = |U_i ∩ U_j| / sqrt(|U_i| · |U_j|)

    Of equal cosines the item with more users is ahead, and so it is among the items that nobody clicked together with
    the newest one; they are all below its neighbours. An item is not its own neighbour. Cosines are compared to 13
    significant bits (one part in 8,192); the other bits of a score hold the place of the item's popularity, so a score
    is the cosine to one part in 4,096. A row without a history has popularity alone.

    No similarity of two items is stored. Each batch multiplies the users of its newest items by what these users
    clicked, both sparse.

    Source: the baseline *item-kNN* of sessions, "considers the last element only", in Ludewig & Jannach, *Evaluation of
    Session-based Recommendation Algorithms*, UMUAI 2018, section 3.2.1 (there after Hidasi et al., ICLR 2016), with all
    neighbours. A user's training clicks are the session.
    """

    starts: Tensor
    users: Tensor

    def count(self, users: np.ndarray, items: np.ndarray) -> None:
        clicks = sp.csr_matrix((np.ones(len(users), np.float32), (items, users)), shape=(self.n_items, self.n_users))
        # Rows of items, columns of users: as buffers they are saved with the model.
        self.register_buffer("starts", torch.from_numpy(clicks.indptr.astype(np.int64)))
        self.register_buffer("users", torch.from_numpy(clicks.indices.astype(np.int64)))
        self._forget()

    def _load_from_state_dict(self, *given: Any, **named: Any) -> None:
        super()._load_from_state_dict(*given, **named)
        self._forget()

    def _forget(self):
        """What is made of the buffers is made again."""
        self._matrices: tuple[Any, Any] | None = None
        self._popularity: np.ndarray | None = None
        self._alone: Tensor | None = None

    def matrices(self) -> tuple[Any, Any]:
        """Clicks as SciPy's sparse matrices of ones: items by users, and users by items."""
        if self._matrices is None:
            starts, users = self.starts.cpu().numpy(), self.users.cpu().numpy()
            shape = self.n_items, self.n_users
            by_item = sp.csr_matrix((np.ones(len(users), np.float32), users, starts), shape=shape)
            self._matrices = by_item, by_item.T.tocsr()
        return self._matrices

    def newest(self, interaction: Interaction) -> np.ndarray:
        """The last item of each row's history, shape (B,); 0 where there is none."""
        history, length = interaction[self.ITEM_SEQ], interaction[self.ITEM_SEQ_LEN]
        return self.gather_indexes(history.unsqueeze(2), (length - 1).clamp_min(0)).squeeze(1).cpu().numpy()

    def predict(self, interaction: Interaction) -> Tensor:
        """The score of each row's item, float32, shape (B,)."""
        items, last = interaction[self.ITEM_ID].cpu().numpy(), self.newest(interaction)
        by_item, _ = self.matrices()
        together = np.asarray(by_item[last].multiply(by_item[items]).sum(axis=1)).ravel()
        return self._scores(together, last, items).to(interaction[self.ITEM_ID].device)

    def full_sort_predict(self, interaction: Interaction) -> Tensor:
        """The scores of all items, float32, shape (B, items), padding item included."""
        last, row = np.unique(self.newest(interaction), return_inverse=True)
        by_item, by_user = self.matrices()
        together = (by_item[last] @ by_user).tocoo()
        if self._alone is None:
            self._alone = self._scores(np.zeros(self.n_items), np.zeros(1, int), np.arange(self.n_items))
        scores = self._alone.repeat(len(last), 1)
        scores[together.row, together.col] = self._scores(together.data, last[together.row], together.col)
        return scores[torch.from_numpy(row)].to(interaction[self.ITEM_SEQ].device)

    def _scores(self, together, last, items):
        """Scores of pairs of an item and the newest one, from the numbers of users who clicked both; arrays (P,)."""
        count = self.users_of_item.cpu().numpy()
        alone = np.maximum(np.sqrt(count[last] * count[items].astype(np.float64)), 1)
        cosine = np.where(last == items, 0, together / alone).astype(np.float32)
        # The smallest normal number stands for 0: what is added to it must not be flushed to 0.
        cosine = np.maximum(cosine, np.finfo(np.float32).tiny)
        if self._popularity is None:
            self._popularity = _places(count, 1 << _TIE_BITS)
        bits = cosine.view(np.int32) & -(1 << _TIE_BITS) | self._popularity[items]
        return torch.from_numpy(np.where(items == 0, 0, bits).view(np.float32))


def _places(count, most):
    """Place of each value among the distinct ones, as int32 from 0, the lowest first; neighbours share one if there are
    more than ``most`` of them."""
    distinct, place = np.unique(count, return_inverse=True)
    if len(distinct) > most:
        place = place * most // len(distinct)
    return place.astype(np.int32)
