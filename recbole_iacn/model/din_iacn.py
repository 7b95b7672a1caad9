"""DIN with interest-aware item embeddings."""

from recbole.model.sequential_recommender.din import DIN

from recbole_iacn.model.interest_aware import InterestAware


class DIN_IaCN(InterestAware, DIN):
    """RecBole's Deep Interest Network, made interest-aware.

    See :class:`InterestAware` for what is added and ``properties/model/DIN_IaCN.yaml`` for the settings.

    Source: Zhou et al. (DIN), KDD '18; Jaiswal & Xiong (IaCN), RecSys '23.
    """
